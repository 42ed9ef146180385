/*
 * The copy of a range joined to the stream, whole, cut in two or given up once: the argument of docs/internals/copy-and-stream.md as a model. Names are those of
 * the code (ChunkCopier, ChunkTransitions, TableCopyState, Applier). Delivered and visible are two things here: a transaction is in the log, and
 * may be applied, before its row can be read.
 *
 * Checked by CopyModelTests: this model holds; with any one of these it must not, so that the check is known to be able to fail:
 *   DELIVERED_IS_VISIBLE  the snapshot is opened without waiting for what was delivered
 *   END_BEFORE_READ       the log's end is noted before the rows are read
 *   NO_PERSIST            the position is not brought up to the insert before it
 *   KEEP_OLD_ROWS         a range begun before a crash is not emptied before it is tracked again
 *   FORGET_TOUCHED        touched keys are inserted as they were read
 *   DROP_LEFT             changes to what was begun and is in no chunk any more are dropped
 */
#define ABSENT 0
#define TRANSACTIONS 4

/* A snapshot opened now holds the first n transactions. */
#ifdef DELIVERED_IS_VISIBLE
#define Contains(n) true
#else
#define Contains(n) ((n < 1 || committed[0]) && (n < 2 || committed[1]) && (n < 3 || committed[2]) && (n < 4 || committed[3]))
#endif

mtype = { Closed, Tracking, Inserting };

/* the source */
byte logKey[TRANSACTIONS];
byte logRow[TRANSACTIONS];          /* the row after the transaction; ABSENT: deleted */
byte flushed = 0;                   /* end of the log: delivered from here on back */
bool committed[TRANSACTIONS];       /* visible to readers */
bool locked[2];                     /* a row stays locked until its transaction is visible */
byte rows[2];                       /* what a reader sees */

/* the target */
byte target[2];
byte persisted = 0;                 /* the position row */
byte done = 0;                      /* rows below are copied: the progress rows, in the insert's transaction */
bool begun = false;                 /* the range is written down before it is begun */

/* the applier */
byte reached = 0;
mtype state = Closed;               /* of the chunk, which has the rows from `done` on below `upper` */
byte upper = 2;
bool touched[2];
byte sourceAt[2];                   /* what the source held at `reached`: for the assertions alone */

byte epoch = 0;                     /* engines so far: a crash ends one and begins the next */

inline recompute() {
    d_step {
        sourceAt[0] = ABSENT; sourceAt[1] = ABSENT; i = 0;
        do
        :: i < reached -> sourceAt[logKey[i]] = logRow[i]; i++
        :: else -> break
        od;
        i = 0
    }
}

#define IsTrue(k) ((target[k] == ABSENT && k >= done) || target[k] == sourceAt[k])

/* At every commit the target holds a part of what the source held at the stream's position; all of it where it is copied. So no unique value is there twice. */
inline verify() {
    assert(IsTrue(0) && IsTrue(1))
}

proctype Application() {
    byte k, mine;
    do
    :: atomic {
           flushed < TRANSACTIONS && !(locked[0] && locked[1]);
           if
           :: !locked[0] -> k = 0
           :: !locked[1] -> k = 1
           fi;
           locked[k] = true;
           mine = flushed;
           logKey[mine] = k;
           if
           :: logRow[mine] = mine + 1
           :: rows[k] != ABSENT -> logRow[mine] = ABSENT
           fi;
           flushed++
       }
       /* delivered, and not visible */
       atomic { rows[k] = logRow[mine]; committed[mine] = true; locked[k] = false; k = 0; mine = 0 }
    :: flushed == TRANSACTIONS -> break
    od
}

proctype Applier() {
    byte k;
end:
    do
    :: atomic {
           /* a change to what is being inserted waits */
           reached < flushed && !(state == Inserting && logKey[reached] >= done && logKey[reached] < upper);
           k = logKey[reached];
           if
           :: k < done ->
                  assert(target[k] == sourceAt[k]);     /* else: an update that finds no row, or another one */
                  target[k] = logRow[reached];
                  sourceAt[k] = logRow[reached]; reached++; persisted = reached
#ifdef DROP_LEFT
           :: k >= done && state == Tracking && k < upper ->
#else
           :: k >= done && begun ->
#endif
                  if
                  :: state == Tracking && k < upper -> touched[k] = true
                  :: else
                  fi;
                  target[k] = logRow[reached];
                  sourceAt[k] = logRow[reached]; reached++; persisted = reached
           :: else ->
                  /* dropped; the position moves in memory only */
                  sourceAt[k] = logRow[reached]; reached++
           fi;
           k = 0;
           verify()
       }
    od
}

/* Each step stands still where a test can stop the engine; a crash in between begins it anew. */
proctype Copier() {
    byte mine, trackedFrom, logEnd, snapshot0, snapshot1;
    bool gaveUp;
begin:
    atomic {
        mine = epoch; logEnd = 0; snapshot0 = 0; snapshot1 = 0;
        if
        :: done == 2 -> goto finished
        :: else
        fi;
        /* OpenChunk, between two transactions */
#ifndef KEEP_OLD_ROWS
        if
        :: done == 0 -> target[0] = ABSENT
        :: else
        fi;
        target[1] = ABSENT;
#endif
        touched[0] = false; touched[1] = false;
        trackedFrom = reached;
        upper = 2;
        begun = true;
        state = Tracking;
        verify()
    }
#ifdef END_BEFORE_READ
    logEnd = flushed;
#endif
    /* OpenContaining */
    do
    :: atomic { epoch != mine -> goto begin }
    :: atomic { epoch == mine && Contains(trackedFrom) -> snapshot0 = rows[0]; snapshot1 = rows[1] };
       break
    od;
    /* Read, then ReadEnd */
#ifndef END_BEFORE_READ
    logEnd = flushed;
#endif
    do
    :: atomic { epoch != mine -> goto begin }
    :: atomic { epoch == mine && !gaveUp -> gaveUp = true; state = Closed; goto begin }
    :: atomic { epoch == mine && reached >= logEnd;
           /* BeginInsert, between two transactions */
#ifndef NO_PERSIST
           persisted = reached;
#endif
           if
           :: done == 0 -> upper = 1                     /* cut: the other row is the rest */
           :: true
           fi;
           state = Inserting };
       break
    od;
    do
    :: atomic { epoch != mine -> goto begin }
    :: atomic { epoch == mine;
           /* Insert: rows and progress in one transaction */
           if
#ifdef FORGET_TOUCHED
           :: done == 0 && snapshot0 != ABSENT -> target[0] = snapshot0
#else
           :: done == 0 && !touched[0] && snapshot0 != ABSENT -> assert(target[0] == ABSENT); target[0] = snapshot0
#endif
           :: else
           fi;
           if
#ifdef FORGET_TOUCHED
           :: upper == 2 && snapshot1 != ABSENT -> target[1] = snapshot1
#else
           :: upper == 2 && !touched[1] && snapshot1 != ABSENT -> assert(target[1] == ABSENT); target[1] = snapshot1
#endif
           :: else
           fi;
           done = upper;
           state = Closed;
           verify();
           goto begin }
    od;
finished:
    skip
}

/* Once, at any instant. */
proctype Crash() {
    byte i;
    atomic {
        epoch == 0;
        epoch = 1;
        reached = persisted;
        touched[0] = false; touched[1] = false;
        state = Closed;
        recompute();
        verify()
    }
}

init {
    atomic { run Application(); run Application(); run Applier(); run Copier(); run Crash() }
}
