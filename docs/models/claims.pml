/* One key, three owners, masters one after the other: what a term may believe of copies that an earlier one had parked (CONSISTENCY R6, R8,
 * R9; KV-EXTENSIONS K2, K3; decisions 0030, 0031). docs/models/README.md says how to run it and what is left out.
 *
 * At the start owner 0 has version 1 live, owner 1 has it parked for owner 2's commit, which is pending: a term ended between the two
 * confirmations. Owner o's commit is o+1; the master's own removal is 7. Versions count completions and removals over all terms.
 */
#ifndef TERMS       /* masters, the first of which begins after that */
#define TERMS 3
#endif
#ifndef MAXOPS      /* commits beside owner 2's */
#define MAXOPS 1
#endif
#ifndef CAP         /* messages under way, per owner and direction */
#define CAP 3
#endif
#define REMOVAL 7
#define CLAIM 9     /* a confirmation that no operation waits for */
#define B(o) (1<<(o))

mtype = { CONFIRM, DROP, TAKEN, COMMIT, GOOD, PARK, RESTORE, DONE, DONEX, FAIL, SETTLED };
chan up[3] = [CAP] of { mtype, byte };
chan dn[3] = [CAP] of { mtype, byte };

byte live[3], park[3], cause[3];   /* owners: versions, and the commit that parked it */
bit  pending[3], valid[3];         /* a commit is sent and not ended; now < D */
bit  begun[3];                     /* one commit each: o+1 is its name for good */
byte byp[3];                       /* roster: bypassed by that term, 0: in */

byte term, rec, hold;              /* master: version, 0: nothing known; holders */
bit  absent;                       /* rec is a removal */
bit  rep[3], sess[3], trust[3], wcom[3], isopen, compl;
byte pend, out[3];                 /* commits that reports named; outcomes of this term, 255: failed */
byte claim[3];                     /* 1: undecided, 2: told to go */
byte mop, mph, need, told;         /* 1 prepared, 2 completed */
byte seq, shown, nops;

#define UPOK(o) (!sess[o] || nfull(up[o]))
#define DNOK(o) (!sess[o] || len(dn[o])+3 <= CAP+1)
#define ALLDN   (DNOK(0) && DNOK(1) && DNOK(2))
#define ISIN(o) (byp[o]==0)

inline usend(o,t,a) { if :: sess[o] -> up[o]!t,a :: else fi }
inline dsend(o,t,a) { if :: sess[o] -> dn[o]!t,a :: else fi }
inline clear(o) {
  do :: nempty(up[o]) -> up[o]?_,_ :: empty(up[o]) -> break od;
  do :: nempty(dn[o]) -> dn[o]?_,_ :: empty(dn[o]) -> break od
}
inline learn(v) { if :: v>shown -> shown=v :: else fi }
inline nothing(o) { live[o]=0; park[o]=0; cause[o]=0; pending[o]=0 }

/* ---- master ---- */
inline tell(o) {                   /* an operation that is prepared waits for o; nothing is parked for a removal (K3) */
  need=need|B(o);
  if :: mop==REMOVAL -> dsend(o,GOOD,mop) :: else -> dsend(o,PARK,mop); told=told|B(o) fi
}
inline dropclaim(o) {
  if :: claim[o]!=0 && (rec==0 || absent || !(hold&B(o))) ->
        if :: mop!=o+1 -> need=need|B(o); dsend(o,GOOD,mop) :: else -> dsend(o,GOOD,CLAIM) fi; claim[o]=2
     :: else -> claim[o]=0 fi
}
inline lastgone() {                /* M4, K2 */
  if :: rec!=0 && !absent && hold==0 && mop==0 && !isopen -> rec=0
     :: rec!=0 && !absent && hold==0 && mop==0 && isopen ->
        mop=REMOVAL; mph=1; need=0; told=0;
#ifdef BUG_LASTDROP
        skip
#else
        dropclaim(0); dropclaim(1); dropclaim(2)
#endif
        ; if :: need==0 -> removed() :: else fi
     :: else fi
}
inline removed() { seq++; rec=seq; absent=1; hold=0; mop=0; mph=0; learn(seq) }
inline expose() {
  learn(rec);
  if :: told&1 -> dsend(0,SETTLED,mop) :: else fi; if :: told&2 -> dsend(1,SETTLED,mop) :: else fi; if :: told&4 -> dsend(2,SETTLED,mop) :: else fi;
  mop=0; mph=0; told=0
}
inline judge(o) {                  /* R9 */
  if :: isopen && mop==0 && claim[o]==1 && sess[o] ->
        if :: rec!=0 && (absent || rec!=park[o]) -> claim[o]=2; dsend(o,GOOD,CLAIM)
           :: (rec==0 || (!absent && rec==park[o])) && (pend&B(cause[o]-1)) ->
              rec=park[o]; absent=0; hold=hold|B(o);
              if :: wcom[cause[o]-1] -> skip :: else -> claim[o]=0; dsend(o,RESTORE,park[o]) fi
           :: (rec==0 || (!absent && rec==park[o])) && !(pend&B(cause[o]-1)) && !rep[cause[o]-1] && trust[cause[o]-1] -> skip
           :: else -> claim[o]=2; dsend(o,GOOD,CLAIM)
        fi
     :: else fi
}
inline progress() {
  if :: (rep[0]||byp[0]==term) && (rep[1]||byp[1]==term) && (rep[2]||byp[2]==term) -> isopen=1 :: else fi;
  judge(0); judge(1); judge(2);
  if :: isopen && rep[0] && rep[1] && rep[2] -> compl=1 :: else fi;
  if :: compl && rec==0 && mop==0 -> seq++; rec=seq; absent=1 :: else fi
}
#ifdef BUG_CLAIMPREPARED            /* a parked copy that comes while an operation is prepared is judged later */
#define UNDER(o) false
#else
#define UNDER(o) (rec==park[o] && !absent && mop!=0 && mph==1)
#endif
inline report(o) {
  clear(o);
  if :: !trust[o] && !rep[o] -> nothing(o) :: else fi;
  sess[o]=1; claim[o]=0; told=told&~B(o);
  if :: live[o]!=0 && rec==0 && mop==0 && !rep[o] && !compl -> rec=live[o]; hold=B(o)
     :: live[o]!=0 && !(rec==0 && mop==0 && !rep[o] && !compl) ->
        if :: live[o]==rec && !absent -> hold=hold|B(o); if :: mop!=0 && mph==1 && mop!=o+1 -> tell(o) :: else fi
           :: else -> dsend(o,GOOD,CLAIM) fi
     :: live[o]==0 && park[o]!=0 ->
        if :: UNDER(o) -> hold=hold|B(o); if :: mop!=o+1 -> tell(o) :: else fi
           :: !UNDER(o) && ((rec==0 && mop==0 && !compl) || (rec==park[o] && !absent && !rep[o])) -> claim[o]=1
           :: !UNDER(o) && rec==park[o] && !absent && rep[o] && mop==0 -> hold=hold|B(o); dsend(o,RESTORE,park[o])
           :: else -> dsend(o,GOOD,CLAIM) fi
     :: else -> hold=hold&~B(o)
  fi;
  if :: !pending[o] && mop==o+1 && mph==2 -> expose()
     :: !pending[o] && mop==o+1 && mph==1 -> abort(o)
     :: pending[o] && out[o]==255 -> dsend(o,FAIL,o+1)
     :: pending[o] && out[o]!=0 && out[o]!=255 -> if :: mop==o+1 -> dsend(o,DONE,out[o]) :: else -> dsend(o,DONEX,out[o]) fi;
        /* what it publishes now is not covered by what went out before (0011) */
        if :: out[o]==rec && !absent -> hold=hold|B(o); if :: mop!=0 && mph==1 && mop!=o+1 -> tell(o) :: else fi :: else fi
     :: pending[o] && out[o]==0 -> pend=pend|B(o); if :: mop!=o+1 -> wcom[o]=1 :: else fi
     :: else fi;
  rep[o]=1; trust[o]=1; if :: byp[o]==term -> skip :: else -> byp[o]=0; valid[o]=1 fi;
  lastgone(); progress()
}
inline abort(o) {                  /* C6 */
  if :: (told&1) && rec!=0 -> dsend(0,RESTORE,rec) :: else fi; if :: (told&2) && rec!=0 -> dsend(1,RESTORE,rec) :: else fi;
  if :: (told&4) && rec!=0 -> dsend(2,RESTORE,rec) :: else fi;
  mop=0; mph=0; need=0; told=0
}

#define OWNER(o) \
  :: d_step { valid[o] && live[o]!=0 && live[o]<shown -> assert(false) }                        /* I2 */ \
  :: d_step { valid[o] && live[o]>shown -> learn(live[o]) } \
  :: d_step { live[o]!=0 && UPOK(o) -> usend(o,DROP,live[o]); live[o]=0 }                       /* evicts */ \
  :: d_step { sess[o] && !begun[o] && nops<MAXOPS && UPOK(o) && ISIN(o) -> \
      nops++; begun[o]=1; pending[o]=1; if :: live[o]!=0 -> park[o]=live[o]; cause[o]=o+1; live[o]=0 :: else fi; usend(o,COMMIT,0) } \
  :: d_step { dn[o]?[GOOD,_] && UPOK(o) -> dn[o]?GOOD,x; live[o]=0; park[o]=0; cause[o]=0; usend(o,CONFIRM,x); x=0 } \
  :: d_step { dn[o]?[PARK,_] && UPOK(o) -> dn[o]?PARK,x; \
      if :: live[o]!=0 -> park[o]=live[o]; cause[o]=x; live[o]=0 :: live[o]==0 && park[o]!=0 -> cause[o]=x :: else fi; usend(o,CONFIRM,x); x=0 } \
  :: d_step { dn[o]?[RESTORE,_] -> dn[o]?RESTORE,x; \
      if :: park[o]==x && pending[o] -> cause[o]=o+1 :: park[o]==x && !pending[o] -> live[o]=x; park[o]=0; cause[o]=0 :: else fi; x=0 } \
  :: d_step { dn[o]?[SETTLED,_] -> dn[o]?SETTLED,x; if :: park[o]!=0 && cause[o]==x -> park[o]=0; cause[o]=0 :: else fi; x=0 } \
  :: d_step { dn[o]?[DONE,_] && valid[o] && UPOK(o) -> dn[o]?DONE,x; live[o]=x; park[o]=0; cause[o]=0; pending[o]=0; learn(x); usend(o,TAKEN,0); x=0 } \
  :: d_step { dn[o]?[DONEX,_] && UPOK(o) -> dn[o]?DONEX,x; park[o]=0; cause[o]=0; pending[o]=0; \
      if :: x==rec && !absent -> live[o]=x :: else fi; usend(o,TAKEN,0); x=0 } \
  :: d_step { dn[o]?[FAIL,_] && UPOK(o) -> dn[o]?FAIL,x; pending[o]=0; \
      if :: park[o]!=0 && cause[o]==o+1 -> live[o]=park[o]; park[o]=0; cause[o]=0 :: else fi; usend(o,TAKEN,0); x=0 }

#define MASTER(o) \
  :: d_step { term>0 && !sess[o] && ALLDN -> report(o) } \
  :: d_step { term>0 && !rep[o] && byp[o]!=term && ALLDN -> byp[o]=term; valid[o]=0; progress() }                  /* W0 */ \
  :: d_step { sess[o] && byp[o]==term && empty(dn[o]) -> byp[o]=0; valid[o]=1 }                                    /* 0017 */ \
  :: d_step { up[o]?[CONFIRM,_] -> up[o]?CONFIRM,x; if :: x==mop && mph==1 -> need=need&~B(o) :: else fi; if :: claim[o]==2 && (x==CLAIM || x==mop) -> claim[o]=0 :: else fi; x=0 } \
  :: d_step { up[o]?[DROP,_] && ALLDN -> up[o]?DROP,x; if :: x==rec && !absent -> hold=hold&~B(o); lastgone() :: else fi; x=0 } \
  :: d_step { up[o]?[TAKEN,_] && ALLDN -> up[o]?TAKEN,x; if :: mop==o+1 && mph==2 -> expose() :: else fi; x=0 } \
  :: d_step { up[o]?[COMMIT,_] -> up[o]?COMMIT,x; wcom[o]=1; x=0 } \
  :: d_step { isopen && mop==0 && wcom[o] && ISIN(o) && ALLDN -> \
      wcom[o]=0; mop=o+1; mph=1; need=0; told=0; dropclaim(0); dropclaim(1); dropclaim(2); \
      if :: !absent && (hold&1) && o!=0 -> tell(0) :: else fi; if :: !absent && (hold&2) && o!=1 -> tell(1) :: else fi; \
      if :: !absent && (hold&4) && o!=2 -> tell(2) :: else fi } \
  :: d_step { isopen && mop==0 && wcom[o] && ISIN(o) && rec!=0 && ALLDN -> wcom[o]=0; out[o]=255; dsend(o,FAIL,o+1); progress() } /* a condition */ \
  :: d_step { mop==o+1 && mph==1 && need==0 && ALLDN -> seq++; rec=seq; absent=0; hold=B(o); out[o]=seq; mph=2; dsend(o,DONE,seq); \
      if :: byp[o]==term && !sess[o] -> expose() :: else fi } \
  :: d_step { sess[o] && ((mph==1 && (need&B(o))) || (mph==2 && mop==o+1)) && ALLDN -> \
      sess[o]=0; clear(o); wcom[o]=0; byp[o]=term; valid[o]=0; need=need&~B(o); if :: mph==2 && mop==o+1 -> expose() :: else fi }      /* L3, G2 */

byte x;
active proctype world() {
  d_step {
    live[0]=1; park[1]=1; cause[1]=3; pending[2]=1; begun[2]=1; seq=1; shown=1;
    valid[0]=1; valid[1]=1; valid[2]=1
  };
  do
  :: d_step { term<TERMS -> term++; clear(0); clear(1); clear(2); rec=0; hold=0; absent=0; isopen=0; compl=0; pend=0; mop=0; mph=0; need=0; told=0;
       sess[0]=0; sess[1]=0; sess[2]=0; rep[0]=0; rep[1]=0; rep[2]=0; wcom[0]=0; wcom[1]=0; wcom[2]=0; out[0]=0; out[1]=0; out[2]=0;
       claim[0]=0; claim[1]=0; claim[2]=0; trust[0]=ISIN(0); trust[1]=ISIN(1); trust[2]=ISIN(2) }
  /* somebody looks the key up: M1, I9 */
  :: d_step { rec!=0 && mop==0 && (absent || hold!=0) -> assert(rec>=shown); learn(rec) }
  :: d_step { mop==REMOVAL && mph==1 && need==0 -> removed() }
  OWNER(0) OWNER(1) OWNER(2)
  MASTER(0) MASTER(1) MASTER(2)
  od
}
