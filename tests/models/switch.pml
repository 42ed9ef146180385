/*
 * The switch, checked over every order in which things can happen: two proxies, a controller that can die anywhere, another that takes
 * over, leases that can expire, views that lag. The controller's labels are the steps of the code (CutoverSteps), in its order.
 *
 *   one writer                      a statement runs on a side only while that side is authoritative (execute)
 *   no acknowledged write lost      at the flip everything the old side has executed is on the new one (flip)
 *   the way back                    writes of the new side are carried back from the very first (flip, final)
 *   no deadlock                     no statement waits for ever, no gate stays (invalid end states, final)
 *
 * FENCE adds a writer that bypasses the proxies. BACK lets the sides be changed back again, with one proxy, so that what the first change has left (a slow controller, a
 * gate, a late statement) can meet the second. BROKEN_* leave out one rule each; the checker must then find what goes wrong.
 */
#define SOURCE 0
#define TARGET 1
#ifdef BACK
#define WRITES(p) 2
#elif defined(DEEP)
#define WRITES(p) (p + 1)
#else
#define WRITES(p) 1
#endif
#ifdef BACK
#define PROXIES 1
#define LOSES_LEASE 0
#else
#define PROXIES 2
#define LOSES_LEASE 1           /* what one proxy does the other could: it is enough if one of them loses its lease */
#endif

mtype = { none, held, flipped, abandoned };

/* The store. */
mtype gate = none;
byte gateOf;                  /* the operation whose gate it is: nobody touches another's */
bit writer = SOURCE;
byte holder = 0;              /* whose lease the lock is under: 0 nobody's */
byte flippedBy = 0;           /* the operation that changed the sides last, as its record says */
bool operation = false;       /* on record from `lock` to `unlock` */
bool member[2];
bool drained[2];              /* acknowledgements of this gate; they go with their proxy's lease */

/* The servers. */
byte log[2];                  /* writes executed for clients */
byte applied[2];              /* of the other side's, here */
byte recorded[2];             /* where the way back from a side begins */
bool fenced[2];

/* Replication away from a side: whose applier runs, 0 nobody's. The token in its position row keeps two of one direction apart. */
byte applier[2];

/* A proxy: does it serve, what it has read, its leg to the source and what it has sent. */
mtype = { serving, stopped, expired, registered };
mtype life[2] = serving;
mtype seen[2] = none;
byte seenOf[2];
bit route[2] = SOURCE;
bool busy[2];                 /* the gate's count */
byte leg[4];                  /* changes whenever the leg to a side is ended */
#define LEG(p, side) leg[2 * (p) + (side)]
bool sent[2];
bit sentTo[2];
bool answered[2];
bool failed[2];
byte ended = 0;
byte losses = 0;
byte joins = 0;

inline read_store(p) { seen[p] = gate; seenOf[p] = gateOf; route[p] = writer }

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
            mine = LEG(p, to)
        }
        /* Any time may pass here: what was decided is sent late. */
        atomic {
            if
            :: mine != LEG(p, to) -> failed[p] = true    /* its connection was ended */
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

/* What a proxy has acknowledged counts for that one gate. */
#ifdef BROKEN_ACKS
#define NEW_ACKS skip
#define IS_OF_THIS_GATE(p) true
#else
#define NEW_ACKS drained[0] = false; drained[1] = false
#define IS_OF_THIS_GATE(p) (seenOf[p] == gateOf)
#endif

/* What servers, proxies' keepers and leases do by themselves, at any time. */
proctype Surroundings(byte p)
{
end_surroundings:
    do
    /* execute */
    :: atomic { sent[p] && !fenced[sentTo[p]] -> assert(writer == sentTo[p]); log[sentTo[p]]++; sent[p] = false; answered[p] = true }
    /* the view catches up */
    :: atomic { life[p] == serving && (seen[p] != gate || seenOf[p] != gateOf || route[p] != writer) -> read_store(p) }
    /* drained: the count is zero while the gate is seen held */
    :: atomic { life[p] == serving && member[p] && seen[p] == held && IS_OF_THIS_GATE(p) && gate == held && !busy[p] && !drained[p] -> drained[p] = true }
    /* the deadline passes: any proxy gives the gate up, by compare-and-set */
    :: atomic { life[p] == serving && seen[p] == held && seenOf[p] == gateOf && gate == held -> gate = abandoned }
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
    :: atomic { applier[SOURCE] != 0 && applied[TARGET] < log[SOURCE] -> applied[TARGET]++ }
    :: atomic { applier[TARGET] != 0 && applied[SOURCE] < log[TARGET] -> applied[SOURCE]++ }
    od
}

#ifdef FENCE
active proctype Bypass()
{
end_bypass:
    atomic { !fenced[SOURCE] && writer == SOURCE -> log[SOURCE]++ }
}
#endif

inline end_legs_of_the_dead()
{
#ifndef BROKEN_LEGS
    d_step {
        if :: !member[0] -> LEG(0, from)++; if :: sent[0] && sentTo[0] == from -> sent[0] = false; failed[0] = true :: else fi :: else fi;
        if :: PROXIES > 1 && !member[1] -> LEG(1, from)++; if :: sent[1] && sentTo[1] == from -> sent[1] = false; failed[1] = true :: else fi :: else fi
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

#define UP (gate == held && gateOf == op)
#define ALL_DRAINED ((!member[0] || drained[0]) && (!member[1] || drained[1]))

/* It may die here: its fence and its appliers die with it, what is in the store stays. */
#define OR_DIE if :: atomic { fenced[from] = false; if :: applier[from] == me -> applier[from] = 0 :: else fi; if :: applier[to] == me -> applier[to] = 0 :: else fi; goto end_dead } :: skip fi

/* Operation 1 changes the sides, operation 2 changes them back. */
#define BEGUN (op == 1 || flippedBy == 1)

proctype Controller(byte op; bit from)
{
    byte end, known;
    byte me = 2 * op - 1;
    bit to = !from;
precheck: skip;
lock: end_lock:
    /* The applier that runs then is its own process's. */
    atomic { holder == 0 && BEGUN -> holder = me; operation = true; if :: applier[from] != 0 -> applier[from] = me :: else fi };
    OR_DIE;
warm: skip;                                               /* nothing of it matters here; the same for `handover` and `release` */
hold:
    atomic { if :: holder == me -> gate = held; gateOf = op; NEW_ACKS :: else -> goto undo fi };
    OR_DIE;
    if
    :: UP && ALL_DRAINED
    :: !UP -> goto undo
    :: goto undo                                          /* the drain timeout */
    fi;
    OR_DIE;
fence:
    /* Whoever is alive has drained at the same moment; the legs of all others are ended. */
    if
    :: atomic { UP && ALL_DRAINED -> known = joins }
    :: !UP -> goto undo
    fi;
    end_legs_of_the_dead();
#ifdef FENCE
    fenced[from] = true;
#endif
    OR_DIE;
catch_up:
    end = log[from];
    if :: applied[to] >= end :: !UP -> goto undo fi;
    atomic { if :: applier[from] == me -> applier[from] = 0 :: else fi };
    OR_DIE;
handover: skip;
prime_reverse:
    recorded[to] = log[to];
    OR_DIE;
flip:
    atomic {
        if
#ifdef BROKEN_COMPARE
        :: holder == me && ALL_DRAINED && MAY_HAVE_JOINED ->
#else
        :: holder == me && ALL_DRAINED && UP && MAY_HAVE_JOINED ->
#endif
            assert(UP);
            assert(applied[to] == log[from]);
            assert(recorded[to] == log[to] && recorded[to] == applied[from]);
            writer = to; gate = flipped; flippedBy = op
        :: else -> goto undo
        fi
    };
    OR_DIE;
release: skip;
unfence: fenced[from] = false;
    OR_DIE;
reverse_stream:
    atomic { if :: holder == me -> assert(applier[from] == 0); applier[to] = me :: else fi };
    OR_DIE;
unlock:
    atomic { if :: holder == me -> operation = false; holder = 0 :: else fi };
    goto end_dead;
undo:
    fenced[from] = false;
    atomic { if :: UP -> gate = abandoned :: else fi };
    OR_DIE;
    atomic { if :: holder == me -> applier[from] = me; operation = false; holder = 0 :: else fi };
end_dead: skip
}

/* The lock's lease expires at any time after it was taken, whether the first is dead or only slow. */
proctype Recovery(byte op; bit from)
{
end_recovery:
    atomic { operation && holder == 2 * op - 1 -> holder = 2 * op };
    if
    :: flippedBy != op ->
        atomic { if :: UP -> gate = abandoned :: else fi };
        atomic { assert(writer == from); applier[from] = 2 * op; operation = false; holder = 0 }
    :: flippedBy == op ->
        atomic { applier[from] = 0; applier[!from] = 2 * op; operation = false; holder = 0 }
    fi
}

/* When all have had their answers: nothing is held, and the side that follows has a stream. */
active proctype Final()
{
end_final:
    atomic { ended == PROXIES && !operation && gate != none && gate != held ->
        assert(applier[writer] != 0);
        assert(applier[!writer] == 0)
    }
}

init {
    atomic {
        applier[SOURCE] = 1;
        member[0] = true;
        run Session(0); run Surroundings(0);
#ifdef BACK
        run Controller(2, TARGET); run Recovery(2, TARGET);
#else
        member[1] = true;
        run Session(1); run Surroundings(1);
#endif
        run Controller(1, SOURCE); run Recovery(1, SOURCE)
    }
}
