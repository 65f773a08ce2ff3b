/* Reader (P3) against owner (P1-P6, C4, L2, L3, M1, M2): docs/models/README.md.
 * Planted bugs and variants are -D switches, all off by default. */
#ifndef TMAX
#define TMAX 2          /* time runs 0..TMAX */
#endif
#ifndef GMAX
#define GMAX 2          /* last generation of an entry; the first is 0 */
#endif
#ifndef VMAX0
#define VMAX0 2         /* overwrites elsewhere of key 0 / key 1 */
#endif
#ifndef VMAX1
#define VMAX1 1
#endif
#ifndef NR
#define NR 2            /* readers */
#endif
#ifndef CAP
#define CAP 5           /* owner's store buffer */
#endif
#define LEASE 1
#define FREE 0
#define FILLING 1
#define PUB 2
#define RET 3
#define WORD(g,s) ((g)*4+(s))
#define ST(x) ((x)%4)
#define GEN(x) ((x)/4)
#define CONTENT(k,v) (4+(k)+2*(v))     /* bytes of an extent; 0 = garbage */
#define FIELD(k,x) (4+(k)+2*(x))       /* key and extent of an entry */
#define KEYOF(b) ((b)%2)
#define LOW(b) (((b)-4)/2)             /* version, or extent */

/* addresses of the owner's stores; +16 = release */
#define A_W 0
#define A_F 2
#define A_B 4
#define A_D 6
#define A_CONF 7
#define REL 16

/* ---- shared memory as everyone sees it ---- */
byte w[2], f[2], by[2], D;
byte pin[NR];                 /* 0, or 1 + entry + 2*generation */
byte conf[2];                 /* the confirmation's way to the master */
/* ---- store buffers ---- */
byte ba[CAP], bv[CAP], bn;    /* owner */
byte rb0[NR], rb1[NR], rn[NR];/* readers: pin word only; value+1 */
/* ---- world ---- */
byte tm, cur[2], lastg, ib[2];
bit inv[2], hold[2], lk[2], go;
mtype = { INV, GRANT, FOUND };
chan link = [3] of { mtype, byte, byte };
/* ---- owner's private state ---- */
byte ow[2], og[2], okey[2], ox[2], fetch[2], oD;
bit park[2]; byte fenced[2];
/* ---- ghosts: what a validated pin protects ---- */
byte ge[NR], gx[NR];

inline push(a,v) { ba[bn]=a; bv[bn]=v; bn++ }
#define ROOM(n) (bn+(n)<=CAP)

inline apply(a,v) {
  if
  :: (a)<2 -> w[a]=v
  :: (a)>=2 && (a)<4 -> 
     assert(ge[0]!=(a)-1);                       /* I4: fields of a validated pin */
#if NR>1
     assert(ge[1]!=(a)-1);
#endif
     f[(a)-2]=v
  :: (a)>=4 && (a)<6 ->
     assert(gx[0]!=(a)-3);                       /* I4: bytes under a validated pin */
#if NR>1
     assert(gx[1]!=(a)-3);
#endif
     by[(a)-4]=v
  :: (a)==6 -> D=v
  :: (a)==7 || (a)==8 -> conf[(a)-7]=v
  fi
}
inline drop_slot(i) {
  j=i;
  do
  :: j+1<bn -> ba[j]=ba[j+1]; bv[j]=bv[j+1]; j++
  :: else -> break
  od;
  bn--; ba[bn]=0; bv[bn]=0; j=0
}
#define SAMEADDR(i,j) (ba[i]%16==ba[j]%16)

/* ================= master, link, clock, store buffers ================= */
active proctype Env() {
  byte i, j, k;
  d_step {   /* entry 0 holds key 0, version 0; a lease runs */
    w[0]=WORD(0,PUB); f[0]=FIELD(0,0); by[0]=CONTENT(0,0);
    ow[0]=PUB; hold[0]=1; D=LEASE; oD=LEASE; lastg=LEASE; go=1
  };
end:
  do
  /* owner's buffer: TSO = the oldest; WEAK = any but past the same address, a release only as the oldest */
  :: d_step { bn>0 -> i=ba[0]%16; k=bv[0]; apply(i,k); drop_slot(0); i=0; k=0 }
#ifdef WEAK
  :: d_step { bn>1 && ba[1]<16 && !SAMEADDR(0,1) -> i=ba[1]; k=bv[1]; apply(i,k); drop_slot(1); i=0; k=0 }
  :: d_step { bn>2 && ba[2]<16 && !SAMEADDR(0,2) && !SAMEADDR(1,2) -> i=ba[2]; k=bv[2]; apply(i,k); drop_slot(2); i=0; k=0 }
  :: d_step { bn>3 && ba[3]<16 && !SAMEADDR(0,3) && !SAMEADDR(1,3) && !SAMEADDR(2,3) -> i=ba[3]; k=bv[3]; apply(i,k); drop_slot(3); i=0; k=0 }
  :: d_step { bn>4 && ba[4]<16 && !SAMEADDR(0,4) && !SAMEADDR(1,4) && !SAMEADDR(2,4) && !SAMEADDR(3,4) -> i=ba[4]; k=bv[4]; apply(i,k); drop_slot(4); i=0; k=0 }
#endif
  /* readers' buffers: one address, so FIFO in both */
  :: d_step { rn[0]>0 -> pin[0]=rb0[0]; rb0[0]=rb1[0]; rb1[0]=0; rn[0]-- }
#if NR>1
  :: d_step { rn[1]>0 -> pin[1]=rb0[1]; rb0[1]=rb1[1]; rb1[1]=0; rn[1]-- }
#endif
  :: d_step { tm<TMAX -> tm++ }
  :: atomic { tm+LEASE>lastg && nfull(link) -> lastg=tm+LEASE; link!GRANT(0,tm+LEASE) }
  /* lookup: registered in the step that reads the version; waits while the key is prepared */
  :: atomic { !inv[0] && !lk[0] && fetch[0]==0 && !(ow[0]==PUB && okey[0]==0) && !(ow[1]==PUB && okey[1]==0) && nfull(link)
       -> lk[0]=1; hold[0]=1; link!FOUND(0,cur[0]) }
  :: atomic { !inv[1] && !lk[1] && fetch[1]==0 && !(ow[0]==PUB && okey[0]==1) && !(ow[1]==PUB && okey[1]==1) && nfull(link)
       -> lk[1]=1; hold[1]=1; link!FOUND(1,cur[1]) }
  /* overwrite elsewhere: prepare, then complete */
  :: atomic { cur[0]<VMAX0 && !inv[0] && hold[0] && nfull(link) -> inv[0]=1; ib[0]=lastg; link!INV(0,cur[0]) }
  :: atomic { cur[1]<VMAX1 && !inv[1] && hold[1] && nfull(link) -> inv[1]=1; ib[1]=lastg; link!INV(1,cur[1]) }
  :: d_step { cur[0]<VMAX0 && !inv[0] && !hold[0] -> cur[0]++ }
  :: d_step { cur[1]<VMAX1 && !inv[1] && !hold[1] -> cur[1]++ }
#ifdef BUG_NOWAIT
#define PASSED(k) 1
#else
#define PASSED(k) (tm>=ib[k])
#endif
  :: d_step { inv[0] && (conf[0]==cur[0]+1 || PASSED(0)) -> cur[0]++; inv[0]=0; hold[0]=0; ib[0]=0 }
  :: d_step { inv[1] && (conf[1]==cur[1]+1 || PASSED(1)) -> cur[1]++; inv[1]=0; hold[1]=0; ib[1]=0 }
  od
}

/* ================= owner ================= */
#ifdef BUG_NOGEN
#define NEXTGEN(e) og[e]
#else
#define NEXTGEN(e) (og[e]+1)
#endif
#ifdef BUG_NOGEN
byte fills;
#define CANFILL(e) (ow[e]==FREE && fills<2*GMAX)
#define COUNTFILL fills++
#else
#define CANFILL(e) (ow[e]==FREE && og[e]<GMAX)
#define COUNTFILL skip
#endif
#ifdef BUG_PUBREL
#define PUBREL 0
#else
#define PUBREL REL
#endif
#ifdef BUG_DREL
#define DREL 0
#else
#define DREL REL
#endif
#ifdef CONF_PLAIN
#define CONFREL 0
#else
#define CONFREL REL
#endif
#define OTHER(e) (1-(e))
inline retire(e) { ow[e]=RET; fenced[e]=0; push(A_W+e, WORD(og[e],RET)) }
inline retire_key(k) {
  if :: ow[0]==PUB && okey[0]==k -> retire(0) :: else fi;
  if :: ow[1]==PUB && okey[1]==k -> retire(1) :: else fi;
  if :: ow[0]==RET && okey[0]==k -> park[0]=0 :: else fi;
  if :: ow[1]==RET && okey[1]==k -> park[1]=0 :: else fi
}
/* a free extent: no entry that is not FREE refers to it */
#ifdef BUG_EXTENT
#define PICKX(e) (ox[OTHER(e)])      /* reused although a RETIRED, pinned entry still names it */
#else
#define PICKX(e) ((ow[OTHER(e)]!=FREE) -> 1-ox[OTHER(e)] : e)
#endif
inline fill(e,k) {
  og[e]=NEXTGEN(e); COUNTFILL;
  ox[e]=PICKX(e);
  push(A_W+e, WORD(og[e],FILLING));
  push(A_B+ox[e], CONTENT(k,fetch[k]-1));
  push(A_F+e, FIELD(k,ox[e]));
  push(A_W+e+PUBREL, WORD(og[e],PUB));
  ow[e]=PUB; okey[e]=k; fetch[k]=0; park[e]=0
}
inline reappear(e) {   /* a parked copy gets the other, fresh entry, same extent */
  og[OTHER(e)]=NEXTGEN(OTHER(e)); COUNTFILL;
  ox[OTHER(e)]=ox[e];
  push(A_W+OTHER(e), WORD(og[OTHER(e)],FILLING));
  push(A_F+OTHER(e), FIELD(okey[e],ox[e]));
  push(A_W+OTHER(e)+PUBREL, WORD(og[OTHER(e)],PUB));
  ow[OTHER(e)]=PUB; okey[OTHER(e)]=okey[e]; park[e]=0; park[OTHER(e)]=0
}
#define NAMED(p,e) (pin[p]==1+(e)+2*og[e])
inline setfree(e) {
  assert(ge[0]!=e+1);                       /* no entry is freed while pinned */
#if NR>1
  assert(ge[1]!=e+1);
#endif
  push(A_W+e, WORD(og[e],FREE)); ow[e]=FREE; okey[e]=0; park[e]=0; fenced[e]=0; ox[e]=0
}
#ifdef BUG_OWNERNOFENCE
#define OFENCE 1
#else
#define OFENCE (bn==0)
#endif
#if defined(MEMBARRIER) && !defined(BUG_NOMEMBARRIER)
#define FENCE(e) d_step { ow[e]==RET && fenced[e]==0 && OFENCE -> fenced[e]=1 } \
  :: d_step { ow[e]==RET && fenced[e]==1 && rn[0]==0 -> fenced[e]=2 } \
  :: d_step { ow[e]==RET && fenced[e]==2 && rn[NR-1]==0 -> fenced[e]=3 }
#else
#define FENCE(e) d_step { ow[e]==RET && fenced[e]==0 && OFENCE -> fenced[e]=3 }
#endif
#if NR>1
#define SCAN(e) d_step { ow[e]==RET && fenced[e]==3 && !NAMED(0,e) -> fenced[e]=4 } \
  :: d_step { ROOM(1) && ow[e]==RET && fenced[e]==4 && !NAMED(1,e) -> setfree(e) }
#else
#define SCAN(e) d_step { ROOM(1) && ow[e]==RET && fenced[e]==3 && !NAMED(0,e) -> setfree(e) }
#endif
#define NOPUB(k) (!(ow[0]==PUB && okey[0]==k) && !(ow[1]==PUB && okey[1]==k))

active proctype Owner() {
  byte k, v;
  go;
end:
  do
  :: d_step { ROOM(3) && link?[INV(_,_)] -> link?INV(k,v);
#ifdef BUG_CONFFIRST
       push(A_CONF+k, v+1);
       retire_key(k);
#else
       retire_key(k);
       push(A_CONF+k+CONFREL, v+1);
#endif
       fetch[k]=0; k=0; v=0 }
  :: d_step { ROOM(1) && link?[GRANT(_,_)] -> link?GRANT(k,v);
       if :: v>oD -> oD=v; push(A_D+DREL, v) :: else fi; k=0; v=0 }
#ifdef BUG_GRANTFIRST   /* a grant overtakes the invalidation before it */
  :: d_step { ROOM(1) && link??[GRANT(_,_)] -> link??GRANT(k,v);
       if :: v>oD -> oD=v; push(A_D+DREL, v) :: else fi; k=0; v=0 }
#endif
  :: d_step { link?[FOUND(_,_)] -> link?FOUND(k,v); lk[k]=0; fetch[k]=v+1; k=0; v=0 }
  /* publish what was fetched */
  :: d_step { ROOM(4) && fetch[0]>0 && NOPUB(0) && CANFILL(0) -> fill(0,0) }
  :: d_step { ROOM(4) && fetch[0]>0 && NOPUB(0) && CANFILL(1) -> fill(1,0) }
  :: d_step { ROOM(4) && fetch[1]>0 && NOPUB(1) && CANFILL(0) -> fill(0,1) }
  :: d_step { ROOM(4) && fetch[1]>0 && NOPUB(1) && CANFILL(1) -> fill(1,1) }
#ifndef NOPARK
  /* C2/C6: a parked copy appears again */
  :: d_step { ROOM(3) && ow[0]==RET && park[0] && NOPUB(okey[0]) && CANFILL(1) -> fetch[okey[0]]=0; reappear(0) }
  :: d_step { ROOM(3) && ow[1]==RET && park[1] && NOPUB(okey[1]) && CANFILL(0) -> fetch[okey[1]]=0; reappear(1) }
#endif
#ifdef BUG_SCANFIRST
#define SCANNED(e) d_step { ow[e]==PUB && fenced[e]==0 && !NAMED(0,e) -> fenced[e]=1 } \
  :: d_step { ow[e]==PUB && fenced[e]==1 && !NAMED(NR-1,e) -> fenced[e]=2 } \
  :: d_step { ROOM(1) && ow[e]==PUB && fenced[e]==2 -> retire(e); fenced[e]=7 } \
  :: d_step { ROOM(1) && ow[e]==RET && fenced[e]==7 && bn==0 -> setfree(e) }
  :: SCANNED(0)
  :: SCANNED(1)
#else
  /* evict, or C2: own copy retired and parked */
  :: d_step { ROOM(1) && ow[0]==PUB -> retire(0); park[0]=1 }
  :: d_step { ROOM(1) && ow[1]==PUB -> retire(1); park[1]=1 }
#endif
  /* P5, in steps of its own: fence (once per retirement), barrier in each reader, each pin word, free */
  :: FENCE(0)
  :: FENCE(1)
  :: SCAN(0)
  :: SCAN(1)
  od
}

/* ================= reader ================= */
/* steps as bits; a step may run when the steps in its PRE_ set have */
#define b_L1 1
#define b_PIN 2
#define b_D 4
#define b_T 8
#define b_L2 16
#define b_F 32
#define b_P 64
#define b_U 128
#define HAS(s) ((m & (s))==(s))
#define DUE(b,pre) (!(m & (b)) && HAS(pre))

#define PRE_L1 0
#define PRE_PIN b_L1
#define PRE_D (b_L1|b_PIN)
#define PRE_T b_D
#define PRE_L2 (b_PIN|b_D|b_T)
#define PRE_F (b_L2|b_D|b_T)
#define PRE_P b_F
#define PRE_U (b_P)
#ifdef BUG_LATE            /* lease after the last look at the slot */
#undef PRE_D
#undef PRE_L2
#define PRE_L2 b_PIN
#define PRE_D b_L2
#endif
#ifdef ALT_DBEFOREPIN      /* L1, lease, pin, L2 */
#undef PRE_D
#undef PRE_PIN
#define PRE_D b_L1
#define PRE_PIN (b_L1|b_T)
#endif
#ifdef ALT_DFIRST          /* lease, L1, pin, L2 */
#undef PRE_D
#undef PRE_L1
#define PRE_D 0
#define PRE_L1 b_T
#undef PRE_PIN
#define PRE_PIN b_L1
#endif
#ifdef BUG_NOL2            /* lease before the pin only, and no second look */
#undef PRE_D
#undef PRE_PIN
#define PRE_D b_L1
#define PRE_PIN (b_L1|b_T)
#endif
#ifdef BUG_EARLYUNPIN      /* pin dropped before the copy */
#undef PRE_U
#undef PRE_P
#define PRE_U b_F
#define PRE_P b_U
#endif
#ifdef ALT_KEYEARLY        /* fields read between L1 and L2, only w checked after */
#undef PRE_F
#define PRE_F b_L1
#undef PRE_L2
#define PRE_L2 (b_PIN|b_D|b_T|b_F)
#undef PRE_P
#define PRE_P (b_L2|b_F)
#endif
#ifdef WK_L2RELAXED        /* WEAK: w2 loaded without acquire */
#undef PRE_F
#define PRE_F (b_PIN)
#undef PRE_U
#define PRE_U (b_P|b_L2|b_D|b_T)
#endif
#ifdef WK_DRELAXED         /* WEAK: D loaded without acquire: w2 may be loaded first */
#undef PRE_L2
#define PRE_L2 b_PIN
#undef PRE_F
#define PRE_F (b_L2)
#undef PRE_U
#define PRE_U (b_P|b_L2|b_D|b_T)
#endif
#ifdef WK_UNPINRELAXED     /* WEAK: pin dropped without release */
#undef PRE_U
#define PRE_U b_F
#undef PRE_P
#define PRE_P b_F
#endif

#if defined(BUG_NOFENCE) || defined(MEMBARRIER)
#define BUFPIN
#define RFENCE 1
#else
#define RFENCE (rn[r]==0)     /* locked CAS, or CAS + dmb ish: nothing later before the pin is out */
#endif
#define AFTERPIN(x) (!HAS(b_PIN) || RFENCE)
#define DONE (b_L1|b_PIN|b_D|b_T|b_L2|b_F|b_P)

inline begin() { if :: m==0 -> lo=cur[k] :: else fi }
#ifdef BUFPIN           /* plain stores: through the buffer */
inline rpush(x) { if :: rn[r]==0 -> rb0[r]=x :: else -> rb1[r]=x fi; rn[r]++ }
#else                   /* locked CAS, or CAS + dmb ish (a late unpin only delays the owner) */
inline rpush(x) { pin[r]=x }
#endif
inline reset() { m=0; w1=0; d=0; fr=0; lo=0; e=0; k=0; ge[r]=0; gx[r]=0 }
inline fail() {          /* drop the pin, if any */
  if :: (m & b_PIN) && !(m & b_U) -> rpush(0) :: else fi;
  reset()
}

active [NR] proctype Reader() {
  byte m, w1, d, fr, lo, e, k;   /* m: steps done */
  byte r, p;
  r = _pid-2;
  go;
end:
  do
  /* a get: any entry may be led to (P1); all tags collide */
  :: atomic { DUE(b_L1,PRE_L1) && AFTERPIN(0) ->
#ifndef ALT_DFIRST
       if :: k=0
#ifdef ANYKEY
          :: k=1
#endif
       fi;
#endif
       begin();
       if :: e=0 :: e=1 fi;
       w1=w[e]; m=m|b_L1;
       if :: ST(w1)!=PUB -> fail() :: else fi }
  :: d_step { DUE(b_PIN,PRE_PIN) && rn[r]<2 -> rpush(1+e+2*GEN(w1)); m=m|b_PIN }
  :: d_step { DUE(b_D,PRE_D) && AFTERPIN(0) && (m==0 || rn[r]<2) -> begin(); d=D; m=m|b_D }
  :: d_step { DUE(b_T,PRE_T) && rn[r]<2 -> m=m|b_T;
       if :: tm<d -> d=0 :: else -> fail() fi }
  :: d_step { DUE(b_L2,PRE_L2) && AFTERPIN(0) && rn[r]<2 -> m=m|b_L2;
#ifdef BUG_NOL2
       if :: 1 -> ge[r]=e+1; gx[r]=LOW(f[e])+1 fi
#else
       if :: w[e]==w1 -> ge[r]=e+1; gx[r]=LOW(f[e])+1; w1=0
          :: else -> fail() fi
#endif
     }
  :: d_step { DUE(b_F,PRE_F) && AFTERPIN(0) && rn[r]<2 -> fr=f[e]; m=m|b_F;
       if :: fr<4 || KEYOF(fr)!=k -> fail() :: else fi }
  :: d_step { DUE(b_P,PRE_P) && AFTERPIN(0) -> p=by[LOW(fr)]; m=m|b_P;
       if :: HAS(b_L2|b_T) ->
       assert(p>=4 && KEYOF(p)==k);              /* the asked key */
       assert(LOW(p)>=lo);                       /* I11: not overwritten before the get */
       assert(LOW(p)<=cur[k])
       :: else fi;
#ifdef BUG_EARLYUNPIN
       reset();
#endif
       p=0; if :: HAS(DONE) -> lo=0; fr=0; k=0 :: else fi }
  :: d_step { DUE(b_U,PRE_U) && rn[r]<2 ->       /* the Value goes */
       rpush(0); m=m|b_U;
#if !defined(BUG_EARLYUNPIN) && !defined(WK_UNPINRELAXED)
       reset()
#else
       skip
#endif
     }
#ifdef WK_UNPINRELAXED
  :: d_step { HAS(b_U|b_P) -> reset() }
#endif
  od
}
