/*
 * The switch, checked over every order in which things can happen: two proxies, a controller that can die anywhere, another that takes
 * over, leases that can expire, views that lag. The controller's labels are the steps of the code (CutoverSteps), in its order.
 *
 *   one writer                      a statement runs on a side only while that side is authoritative (execute)
 *   no acknowledged write lost      at the flip everything the old side has executed is on the new one (flip)
 *   the way back                    writes of the new side are carried back from the very first (flip, final)
 *   no deadlock                     no statement waits for ever, no gate stays (invalid end states, final)
 *
 * FENCE adds a writer that bypasses the proxies. BROKEN_* leave out one rule each; the checker must then find what goes wrong.
 */
#define SOURCE 0
#define TARGET 1
#ifdef DEEP
#define WRITES(p) (p + 1)
#else
#define WRITES(p) 1
#endif
#define LOSES_LEASE 1           /* what one proxy does the other could: it is enough if one of them loses its lease */

mtype = { none, held, flipped, abandoned };

/* The store. */
mtype gate = none;
bit writer = SOURCE;
byte holder = 0;              /* whose lease the lock is under: 0 nobody's */
bool operation = false;       /* on record from `lock` to `unlock` */
bool member[2] = true;
bool drained[2];              /* acknowledgements; they go with their proxy's lease */

/* The servers. */
byte log[2];                  /* writes executed */
byte applied;                 /* of the source's on the target */
byte recorded = 255;          /* where the way back begins */
bool fenced = false;

/* Replication: whose applier runs, 0 none. The token in its position row keeps two of one direction apart. */
byte forward = 1;
byte backward = 0;

/* A proxy: does it serve, what it has read, its leg to the source and what it has sent. */
mtype = { serving, stopped, expired, registered };
mtype life[2] = serving;
mtype seen[2] = none;
bit route[2] = SOURCE;
bool busy[2];                 /* the gate's count */
byte leg[2];                  /* changes whenever the leg to the source is ended */
bool sent[2];
bit sentTo[2];
bool answered[2];
bool failed[2];
byte ended = 0;
byte losses = 0;
byte joins = 0;

inline read_store(p) { seen[p] = gate; route[p] = writer }

proctype Session(byte p)
{
    byte n = 0, mine;
    bit to;
    do
    :: n == WRITES(p) -> break
    :: n < WRITES(p) ->
        busy[p] = true;                                  /* entered before anything is read */
        atomic {
            if
            :: life[p] != serving -> busy[p] = false; life[p] == serving -> goto again
            :: life[p] == serving && seen[p] == held ->
                busy[p] = false;
#ifdef BROKEN_GUESS
                if
                :: seen[p] != held -> goto again
                :: seen[p] == held -> busy[p] = true; to = SOURCE   /* its deadline has passed, so it must have been abandoned */
                fi
#else
                seen[p] != held -> goto again            /* read, never guessed */
#endif
            :: else -> to = route[p]
            fi;
            mine = leg[p]
        }
        /* Any time may pass here: what was decided is sent late. */
        atomic {
            if
            :: to == SOURCE && mine != leg[p] -> failed[p] = true    /* its connection was ended */
            :: else -> sent[p] = true; sentTo[p] = to
            fi
        }
        atomic {
            answered[p] || failed[p] ->
            answered[p] = false; failed[p] = false; busy[p] = false; n++; mine = 0
        }
again:  skip
    od;
    ended++
}

/* What servers, proxies' keepers and leases do by themselves, at any time. */
proctype Surroundings(byte p)
{
end_surroundings:
    do
    /* execute */
    :: atomic { sent[p] && sentTo[p] == SOURCE && !fenced -> assert(writer == SOURCE); log[SOURCE]++; sent[p] = false; answered[p] = true }
    :: atomic { sent[p] && sentTo[p] == TARGET -> assert(writer == TARGET); log[TARGET]++; sent[p] = false; answered[p] = true }
    /* the view catches up */
    :: atomic { life[p] == serving && (seen[p] != gate || route[p] != writer) -> read_store(p) }
    /* drained: the count is zero while the gate is seen held */
    :: atomic { life[p] == serving && member[p] && seen[p] == held && gate == held && !busy[p] && !drained[p] -> drained[p] = true }
    /* the deadline passes: any proxy gives the gate up, by compare-and-set */
    :: atomic { life[p] == serving && seen[p] == held && gate == held -> gate = abandoned }
    /* a lease: the proxy stops serving before it can expire, and joins again by registering, then reading, then serving */
    :: atomic { p == LOSES_LEASE && life[p] == serving && losses < 1 -> life[p] = stopped; losses++ }
    :: atomic { life[p] == stopped -> life[p] = expired; member[p] = false; drained[p] = false }
#ifdef BROKEN_JOIN
    :: atomic { life[p] == expired -> read_store(p); life[p] = registered }
    :: atomic { life[p] == registered -> member[p] = true; joins++; life[p] = serving }
#else
    :: atomic { life[p] == expired -> member[p] = true; joins++; life[p] = registered }
    :: atomic { life[p] == registered -> read_store(p); life[p] = serving }
#endif
    od
}

active proctype Applier()
{
end_applier:
    do
    :: atomic { forward != 0 && applied < log[SOURCE] -> applied++ }
    od
}

#ifdef FENCE
active proctype Bypass()
{
end_bypass:
    atomic { !fenced && writer == SOURCE -> log[SOURCE]++ }
}
#endif

inline end_legs_of_the_dead()
{
#ifndef BROKEN_LEGS
    d_step {
        if :: !member[0] -> leg[0]++; if :: sent[0] && sentTo[0] == SOURCE -> sent[0] = false; failed[0] = true :: else fi :: else fi;
        if :: !member[1] -> leg[1]++; if :: sent[1] && sentTo[1] == SOURCE -> sent[1] = false; failed[1] = true :: else fi :: else fi
    }
#else
    skip
#endif
}

/* A proxy that comes back may have had a statement on its way to the source. Only a lock on the tables proves that it did not run. */
#if defined(FENCE) || defined(BROKEN_REJOIN)
#define MAY_HAVE_JOINED true
#else
#define MAY_HAVE_JOINED (joins == known)
#endif

#define ALL_DRAINED ((!member[0] || drained[0]) && (!member[1] || drained[1]))

/* It may die here: its fence and its appliers die with it, what is in the store stays. */
#define OR_DIE if :: atomic { fenced = false; if :: forward == 1 -> forward = 0 :: else fi; if :: backward == 1 -> backward = 0 :: else fi; goto end_dead } :: skip fi

active proctype Controller()
{
    byte end, known;
precheck: skip;
lock:
    atomic { holder == 0 -> holder = 1; operation = true };
    OR_DIE;
warm: skip;                                               /* nothing of it matters here; the same for `handover` and `release` */
hold:
    atomic { if :: holder == 1 -> gate = held :: else -> goto undo fi };
    OR_DIE;
    if
    :: gate == held && ALL_DRAINED
    :: gate != held -> goto undo
    :: goto undo                                          /* the drain timeout */
    fi;
    OR_DIE;
fence:
    /* Whoever is alive has drained at the same moment; the legs of all others are ended. */
    if
    :: atomic { ALL_DRAINED -> known = joins }
    :: gate != held -> goto undo
    fi;
    end_legs_of_the_dead();
#ifdef FENCE
    fenced = true;
#endif
    OR_DIE;
catch_up:
    end = log[SOURCE];
    if :: applied >= end :: gate != held -> goto undo fi;
    atomic { if :: forward == 1 -> forward = 0 :: else fi };
    OR_DIE;
handover: skip;
prime_reverse:
    recorded = log[TARGET];
    OR_DIE;
flip:
    atomic {
        if
#ifdef BROKEN_COMPARE
        :: holder == 1 && ALL_DRAINED && MAY_HAVE_JOINED ->
#else
        :: holder == 1 && ALL_DRAINED && gate == held && MAY_HAVE_JOINED ->
#endif
            assert(gate == held);
            assert(applied == log[SOURCE]);
            assert(recorded == log[TARGET]);
            writer = TARGET; gate = flipped
        :: else -> goto undo
        fi
    };
    OR_DIE;
release: skip;
unfence: fenced = false;
    OR_DIE;
reverse_stream:
    atomic { if :: holder == 1 -> assert(forward == 0); backward = 1 :: else fi };
    OR_DIE;
unlock:
    atomic { if :: holder == 1 -> operation = false; holder = 0 :: else fi };
    goto end_dead;
undo:
    fenced = false;
    atomic { if :: gate == held -> gate = abandoned :: else fi };
    OR_DIE;
    atomic { if :: holder == 1 -> forward = 1; operation = false; holder = 0 :: else fi };
end_dead: skip
}

/* The lock's lease expires at any time after it was taken, whether the first is dead or only slow. */
active proctype Recovery()
{
end_recovery:
    atomic { operation && holder == 1 -> holder = 2 };
    if
    :: writer == SOURCE ->
        atomic { if :: gate == held -> gate = abandoned :: else fi };
        atomic { assert(writer == SOURCE); forward = 2; operation = false; holder = 0 }
    :: writer == TARGET ->
        atomic { forward = 0; backward = 2; operation = false; holder = 0 }
    fi
}

/* When all have had their answers: nothing is held, and the side that follows has a stream. */
active proctype Final()
{
end_final:
    atomic { ended == 2 && !operation && gate != none && gate != held ->
        assert(writer == SOURCE || backward != 0);
        assert(writer == TARGET || forward != 0);
        assert(forward == 0 || backward == 0)
    }
}

init { atomic { run Session(0); run Session(1); run Surroundings(0); run Surroundings(1) } }
