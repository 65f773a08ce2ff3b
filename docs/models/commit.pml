/* One key, two owners, and a master with one successor: CONSISTENCY §3–§6 in Promela. docs/models/README.md says how to run it,
 * what is left out, and what the switches do.
 *
 * One process; each option of its loop is one turn of one actor. A message that would be dropped on arrival is not queued, and the old
 * master's state is set to zero once nobody can learn from it any more: both only merge states that differ in nothing observable.
 *
 * Versions: term 1 counts from 1, term 2 from 11; 10 is "absent", as a new master finds it. A removal has a version, too (bit in `tomb`).
 * Time: grants are numbered per owner. `over[o]` is the newest one whose t_s + L has passed in real time, which happens whenever the
 * search likes: now < D is D[o] > over[o]; "L3 is over for grant g" is over[o] >= g. The arithmetic of §1 is what makes that true.
 */
#ifndef MAXOPS      /* commits, beside the one that made version 1 */
#define MAXOPS 2
#endif
#ifndef MAXG        /* grants per owner, beside the first one, which both have at the start */
#define MAXG 0
#endif
#ifndef LOOKS       /* lookups, of both owners together */
#define LOOKS 1
#endif
#ifndef CAP         /* messages under way, per link and direction */
#define CAP 3
#endif
#ifndef HELD        /* who has version 1 at the start: bit per owner */
#define HELD 1
#endif

mtype = { COMMIT, CONFIRM, TAKEN, LOOKUP, DROP,                      /* owner -> master */
          INV, DONE, DONEX, ANSWER, FAIL, GRANT, FOUND, ALONE, SETTLED, RESTORE };   /* master -> owner */

#define X(m,o)   ((m)*2+(o))
#define B(o)     (1<<(o))
#define VALID(o) (D[o] > over[o])
#define TOMB(v)  ((v)==0 || ((tomb>>(v))&1))
#define LASTG    (1+MAXG)

chan up[4] = [CAP] of { mtype, byte };
chan dn[4] = [CAP] of { mtype, byte, byte };

/* ---- owners (ReplicaTable) ---- */
bit  term[2];                 /* whom this owner obeys: master 0 or 1 */
byte D[2], over[2], gseq[2];  /* deadline and what has passed, as grant numbers; grants sent */
byte pub[2];                  /* version PUBLISHED, 0: none */
byte park[2], cause[2];       /* version parked, and by which op */
byte op[2];                   /* commit in flight (C1) */
bit  pinv[2];                 /* it was invalidated since (C2) */
byte kept[2];                 /* version of a `done` that waits for validity (C5) */
byte fs[2], fv[2], fid[2];    /* attached fetch: 0 none, 1 asked, 2 found, 3 has a ticket; version; lookup */
byte ds[2], dv[2], did[2];    /* detached fetch */
bit  dead[2];                 /* the process is gone, its pages are still mapped by readers */

/* ---- the observed get ---- */
bit  busy, at, det, late;     /* running, at which owner, joined to the detached fetch, joined after the lookup was sent */
byte since;                   /* newest version known to anybody when it began */

/* ---- masters (RoutingTable) ---- */
byte cur[2], hold[2], seq[2]; /* version, 0: nothing known; holders; counter */
byte prev[2];                 /* the version before that of a completed op */
byte mop[2], mph[2];          /* op in work; 1 prepared, 2 completed */
byte need[2], told[2];        /* owners whose confirmation is missing; owners invalidated by this op */
bit  sess[4];                 /* a session is in force */
byte barrier[4];              /* last grant before the invalidation (L3) */
byte wcom[4], wlk[4];         /* waiting commit; waiting lookup */
byte outc[16];                /* stored outcome of op: its version, 255 = condition failed */
byte owes[4];                 /* messages of the resync that the owner has not processed (0017) */
byte claim[2];                /* term 2: a parked copy of this owner waits for the fate of this op (R9) */
bit  open1, compl1;           /* term 2: R8, R7 */
bit  rep[2], trust[2];        /* term 2: has reported; was `in` when the roster was read */
byte rpend;                   /* term 2: ops that some report named as pending */
byte t1, t2, crashes;

/* ---- etcd ---- */
byte byp[2];                  /* roster: bypassed by term (0: in) */
bit  elected, gone0;          /* the successor is elected; the old master's authority is over */

/* ---- ghosts ---- */
byte floor;                   /* newest version that was acknowledged or returned to anybody */
int  tomb;
byte nops, nlook; bit kind[4]; bit who[4]; byte ov[4]; byte seen;
byte xv;                      /* newest version that is exposed */
byte good; bit lossok;        /* owners that got it; its loss is allowed (§9) */

#define AUTH(m)   ((m==0 && !gone0) || (m==1 && elected))
#define GUARD(m)  (m==1 || !elected)
#ifdef BUG_R8
#define MREADY(m) true
#else
#define MREADY(m) (m==0 || open1)
#endif
#define HEARD(o)  (!(term[o]==0 && gone0) && sess[X(term[o],o)])
#define UPOK(o)   (!HEARD(o) || nfull(up[X(term[o],o)]))
#define DNOK(m,o) (!sess[X(m,o)] || term[o]!=m || nfull(dn[X(m,o)]))
#define DNOK2(m,o) (!sess[X(m,o)] || term[o]!=m || len(dn[X(m,o)])+2<=CAP)

inline usend(o,t,a)   { if :: HEARD(o) -> up[X(term[o],o)]!t,a :: else fi }
inline dsend(m,o,t,a,b) { if :: sess[X(m,o)] && term[o]==m -> dn[X(m,o)]!t,a,b :: else fi }
inline clearup(c) { do :: nempty(up[c]) -> up[c]?_,_ :: empty(up[c]) -> break od; skip }
inline cleardn(c) { do :: nempty(dn[c]) -> dn[c]?_,_,_ :: empty(dn[c]) -> break od; skip }

inline learn(v) {             /* somebody outside learnt version v */
  if :: v > floor -> floor = v :: else fi;
  if :: v>0 && ov[1]==v -> seen = seen|2 :: else fi;
  if :: v>0 && ov[2]==v -> seen = seen|4 :: else fi;
  if :: v>0 && ov[3]==v -> seen = seen|8 :: else fi
}
inline endget() { busy=0; at=0; det=0; late=0; since=0 }
inline answer(v) { assert(v >= since); learn(v); endget() }       /* I9, I11 */
inline giveup(o,w) { if :: busy && at==o && det==w -> endget() :: else fi }   /* a later get asks for more */
inline detach(o) {            /* M2 */
  if :: fs[o]!=0 ->
        giveup(o,1);
        if :: busy && at==o -> det=1 :: else fi;
        ds[o]=fs[o]; dv[o]=fv[o]; did[o]=fid[o]; fs[o]=0; fv[o]=0; fid[o]=0
     :: else fi
}
inline enddet(o) { giveup(o,1); ds[o]=0; dv[o]=0; did[o]=0 }
inline endfetch(o) { giveup(o,0); fs[o]=0; fv[o]=0; fid[o]=0 }
#ifdef BUG_DROP
#define NOTHING(o) true
#else
#define NOTHING(o) (pub[o]==0 && fs[o]==0 && op[o]==0 && park[o]==0)
#endif
inline dropifnothing(o,v) { if :: NOTHING(o) -> usend(o,DROP,v) :: else fi }

inline take(o,v,publishes) {  /* C5 */
  assert(ov[op[o]]==v);                                           /* I8: true */
  if :: publishes && !kind[op[o]] -> pub[o]=v :: else fi;
  if :: v>xv -> xv=v; good=0; lossok=0 :: else fi;
  if :: v==xv && pub[o]==v -> good=good|B(o) :: else fi;
  park[o]=0; cause[o]=0; kept[o]=0; learn(v); usend(o,TAKEN,op[o]); op[o]=0; pinv[o]=0
}

#ifdef BUG_JOIN
#define JOINDETACHED(o) :: d_step { !busy && !dead[o] && op[o]==0 && pub[o]==0 && ds[o]!=0 -> busy=1; at=o; det=1; since=floor }
#else
#define JOINDETACHED(o)
#endif
#ifdef BUG_JOINSTALE
#define JOINOK(o) true
#else
#define JOINOK(o) VALID(o)
#endif
#ifdef BUG_ABSENT
#define LATEOK true
#else
#define LATEOK !late
#endif
#ifdef BUG_TAKELATE
#define TAKEOK(o) true
#else
#define TAKEOK(o) VALID(o)
#endif

/* ------------------------------------------------------------------ owner o */
#define OWNER(o,p) \
  /* P3 as one instant (pins.pml takes it apart): I2 */ \
  :: d_step { VALID(o) && pub[o]!=0 && pub[o]<floor -> assert(false) } \
  :: d_step { VALID(o) && pub[o]>floor -> learn(pub[o]) } \
  :: d_step { over[o] < gseq[o] -> over[o]++ } \
  /* a get that misses: joins (M2) or looks up (M1) */ \
  :: d_step { !busy && !dead[o] && op[o]==0 && pub[o]==0 && fs[o]!=0 && JOINOK(o) -> busy=1; at=o; late=1; since=floor } \
  JOINDETACHED(o) \
  :: d_step { !busy && !dead[o] && op[o]==0 && pub[o]==0 && (fs[o]==0 || !VALID(o)) && nlook<LOOKS && HEARD(o) && UPOK(o) -> \
      detach(o); nlook++; fid[o]=nlook; fs[o]=1; busy=1; at=o; since=floor; usend(o,LOOKUP,nlook) } \
  PUT(o,0) PUTREMOVE(o) \
  :: d_step { busy && at==o -> endget() }                          /* its deadline */ \
  /* bytes came, or did not: a source that has nothing and expects nothing sends `drop`, too */ \
  :: d_step { !dead[o] && !dead[p] && fs[o]==2 && (pub[p]==fv[o] || park[p]==fv[o]) -> fs[o]=3 } \
  :: d_step { !dead[o] && !dead[p] && ds[o]==2 && (pub[p]==dv[o] || park[p]==dv[o]) -> ds[o]=3 } \
  :: d_step { !dead[o] && fs[o]==3 && UPOK(o) -> \
      if :: pub[o]==0 -> pub[o]=fv[o]; if :: fv[o]==xv -> good=good|B(o) :: else fi :: else fi; \
      if :: busy && at==o && !det -> answer(fv[o]) :: else fi; endfetch(o) } \
  :: d_step { !dead[o] && fs[o]==2 && pub[p]!=fv[o] && park[p]!=fv[o] && UPOK(o) && UPOK(p) -> \
      t1=fv[o]; endfetch(o); dropifnothing(o,t1); if :: !dead[p] -> dropifnothing(p,t1) :: else fi; t1=0 } \
  :: d_step { !dead[o] && (ds[o]==3 || (ds[o]==2 && pub[p]!=dv[o] && park[p]!=dv[o])) && UPOK(o) -> if :: ds[o]==3 && busy && at==o && det -> answer(dv[o]) :: else fi; \
      t1=dv[o]; enddet(o); dropifnothing(o,t1); t1=0 } \
  EVICTION(o) \
  HEARS(0,o) \
  HEARS2(o)

#define PUT(o,k) \
  :: d_step { !dead[o] && op[o]==0 && nops<MAXOPS && HEARD(o) && UPOK(o) -> \
      nops++; op[o]=nops; who[nops]=o; kind[nops]=k; pinv[o]=0; detach(o); \
      if :: pub[o]!=0 -> park[o]=pub[o]; cause[o]=op[o]; pub[o]=0 :: else fi; \
      usend(o,COMMIT,nops) }
#ifdef REMOVE
#define PUTREMOVE(o) PUT(o,1)
#else
#define PUTREMOVE(o)
#endif
#ifdef EVICT
#define EVICTION(o) :: d_step { !dead[o] && pub[o]!=0 && UPOK(o) -> t1=pub[o]; pub[o]=0; good=good&~B(o); usend(o,DROP,t1); t1=0 }
#else
#define EVICTION(o)
#endif
#ifdef BUG_CAUSE
#define RELABEL(o,c) skip
#else
#define RELABEL(o,c) cause[o]=c
#endif

#define HEAR(m,o,t) dn[X(m,o)]?t,t1,t2; if :: owes[X(m,o)]!=0 -> owes[X(m,o)]-- :: else fi
#define HEARS(m,o) \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[INV,_,_] && (!HEARD(o) || len(up[X(m,o)])+2<=CAP) -> HEAR(m,o,INV); /* C4; t1 = 0: dropped; t2: for which op */ \
      detach(o); if :: op[o]!=0 -> pinv[o]=1 :: else fi; \
      if :: pub[o]!=0 -> if :: t1!=0 -> park[o]=pub[o]; cause[o]=t1 :: else -> park[o]=0; cause[o]=0 fi; pub[o]=0 \
         :: pub[o]==0 && park[o]!=0 -> if :: t1!=0 -> RELABEL(o,t1) :: else -> park[o]=0; cause[o]=0 fi \
         :: else fi; \
      assert(kept[o]==0);                                           /* what is not exposed is not overwritten (0017) */ \
      usend(o,CONFIRM,t2); t1=0; t2=0 } \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[GRANT,_,_] && UPOK(o) -> HEAR(m,o,GRANT);          /* L2 */ \
      if :: t1>D[o] -> D[o]=t1 :: else fi; \
      if :: kept[o]!=0 && VALID(o) -> t2=kept[o]; take(o,t2,true) :: else fi; t1=0; t2=0 } \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[DONE,_,_] && UPOK(o) -> HEAR(m,o,DONE);            /* C5 */ \
      if :: op[o]!=t1 -> skip :: op[o]==t1 && TAKEOK(o) -> take(o,t2,true) :: else -> kept[o]=t2 fi; t1=0; t2=0 } \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[DONEX,_,_] && UPOK(o) -> HEAR(m,o,DONEX); \
      if :: op[o]!=t1 -> skip :: else -> take(o,t2,true) fi; t1=0; t2=0 } \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[ANSWER,_,_] && UPOK(o) -> HEAR(m,o,ANSWER);        /* R3: not the key's version any more */ \
      if :: op[o]!=t1 -> skip :: else -> take(o,t2,false) fi; t1=0; t2=0 } \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[FAIL,_,_] && UPOK(o) -> HEAR(m,o,FAIL);            /* C2 */ \
      if :: op[o]==t1 -> assert(!((seen>>t1)&1)); \
            if :: park[o]!=0 && !pinv[o] && cause[o]==t1 -> pub[o]=park[o]; park[o]=0; cause[o]=0 :: else fi; \
            op[o]=0; pinv[o]=0; usend(o,TAKEN,t1) \
         :: else fi; t1=0; t2=0 } \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[FOUND,_,_] && UPOK(o) -> HEAR(m,o,FOUND); \
      if :: fs[o]==1 && fid[o]==t1 -> \
            if :: TOMB(t2) -> if :: busy && at==o && !det && LATEOK -> answer(t2) :: else fi; endfetch(o) \
               :: !TOMB(t2) && pub[o]!=0 -> endfetch(o)                              /* restored meanwhile */ \
               :: else -> fs[o]=2; fv[o]=t2 fi \
         :: ds[o]==1 && did[o]==t1 -> \
            if :: TOMB(t2) -> if :: busy && at==o && det && LATEOK -> answer(t2) :: else fi; enddet(o) \
               :: else -> ds[o]=2; dv[o]=t2 fi \
         :: else fi; t1=0; t2=0 } \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[ALONE,_,_] && UPOK(o) -> HEAR(m,o,ALONE);          /* 0013 */ \
      if :: fs[o]==1 && fid[o]==t1 -> endfetch(o); dropifnothing(o,t2) \
         :: ds[o]==1 && did[o]==t1 -> enddet(o); dropifnothing(o,t2) \
         :: else fi; t1=0; t2=0 } \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[SETTLED,_,_] -> HEAR(m,o,SETTLED);                 /* C6 */ \
      if :: park[o]!=0 && cause[o]==t1 -> park[o]=0; cause[o]=0 :: else fi; t1=0; t2=0 } \
  :: d_step { !dead[o] && term[o]==m && dn[X(m,o)]?[RESTORE,_,_] && UPOK(o) -> HEAR(m,o,RESTORE); \
      if :: park[o]!=0 && park[o]==t1 && op[o]!=0 -> cause[o]=op[o]; pinv[o]=0 \
         :: park[o]!=0 && park[o]==t1 && op[o]==0 -> if :: pub[o]==0 -> pub[o]=t1 :: else -> skip fi; park[o]=0; cause[o]=0 \
         :: else fi; t1=0; t2=0 }
#ifdef FAILOVER
#define HEARS2(o) HEARS(1,o)
#else
#define HEARS2(o)
#endif

/* ------------------------------------------------------------------ master m about owner o; the other one is p */
#define MASTER(m,o,p) \
  :: d_step { AUTH(m) && sess[X(m,o)] && term[o]==m && byp[o]!=m+1 && gseq[o]<LASTG && DNOK(m,o) -> gseq[o]++; dsend(m,o,GRANT,gseq[o],0) } \
  :: d_step { AUTH(m) && up[X(m,o)]?[COMMIT,_] && wcom[X(m,o)]==0 -> up[X(m,o)]?COMMIT,t1; wcom[X(m,o)]=t1; t1=0 } \
  :: d_step { AUTH(m) && up[X(m,o)]?[CONFIRM,_] -> up[X(m,o)]?CONFIRM,t1; \
      if :: t1!=0 && mop[m]==t1 && mph[m]==1 -> need[m]=need[m]&~B(o) :: else fi; t1=0 } \
  :: d_step { AUTH(m) && up[X(m,o)]?[LOOKUP,_] -> up[X(m,o)]?LOOKUP,t1; wlk[X(m,o)]=t1; t1=0 } \
  :: d_step { AUTH(m) && up[X(m,o)]?[DROP,_] -> up[X(m,o)]?DROP,t1;                                           /* M4 */ \
      if :: t1==cur[m] -> hold[m]=hold[m]&~B(o); lastgone(m) :: else fi; t1=0 } \
  /* M1, R7: answered when no op is in work, the key is known, and another holder can be reached */ \
  :: d_step { AUTH(m) && sess[X(m,o)] && wlk[X(m,o)]!=0 && (mop[m]==0 EXPOSED(m)) && cur[m]!=0 && DNOK(m,o) && \
      (TOMB(cur[m]) || ((hold[m]&B(p))!=0 && sess[X(m,p)])) -> \
      if :: !TOMB(cur[m]) -> hold[m]=hold[m]|B(o) :: else fi; \
      dsend(m,o,FOUND,wlk[X(m,o)],cur[m]); wlk[X(m,o)]=0 } \
  :: d_step { AUTH(m) && sess[X(m,o)] && wlk[X(m,o)]!=0 && mop[m]==0 && !TOMB(cur[m]) && hold[m]==B(o) && DNOK(m,o) -> \
      dsend(m,o,ALONE,wlk[X(m,o)],cur[m]); wlk[X(m,o)]=0 } \
  /* C3 */ \
  :: d_step { AUTH(m) && MREADY(m) && mop[m]==0 && wcom[X(m,o)]!=0 && (m==1 || term[o]==0) && DNOK2(m,p) && DNOK2(m,o) -> \
      mop[m]=wcom[X(m,o)]; wcom[X(m,o)]=0; mph[m]=1; need[m]=hold[m]&B(p); told[m]=need[m]; \
      if :: need[m]!=0 -> barrier[X(m,p)]=gseq[p]; dsend(m,p,INV,mop[m],mop[m]) :: else fi; \
      dropclaims(m,o); if :: need[m]==0 -> complete(m,o) :: else fi } \
  CONDFAIL(m,o,p) \
  /* C5; an old master's completion for an owner that left it reaches nobody */ \
  :: d_step { AUTH(m) && mph[m]==1 && who[mop[m]]==o && (m==1 || term[o]==0) && CONFIRMED(m) && DNOK(m,o) -> complete(m,o) } \
  /* `taken`: exposed */ \
  :: d_step { AUTH(m) && up[X(m,o)]?[TAKEN,_] && DNOK(m,p) -> up[X(m,o)]?TAKEN,t1; \
      if :: mop[m]==t1 && mph[m]==2 -> expose(m,o,p) :: else fi; t1=0 } \
  BYPASSING(m,o,p)

inline complete(m,o) {
  seq[m]++; assert(seq[m]<9); prev[m]=cur[m]; cur[m]=m*10+seq[m];
  assert(!((seen>>mop[m])&1));                                      /* I8: once */
  ov[mop[m]]=cur[m]; outc[m*8+mop[m]]=cur[m];
  if :: kind[mop[m]] -> tomb=tomb|(1<<cur[m]); hold[m]=0 :: else -> hold[m]=B(o) fi;
  mph[m]=2; need[m]=0; dsend(m,o,DONE,mop[m],cur[m])
}
inline lastgone(m) {           /* M4, M4a */
  if :: hold[m]==0 && mop[m]==0 && !TOMB(cur[m]) -> ordered(m) :: else fi
}
inline ordered(m) {
  if
#ifndef BUG_M4A
  :: m==1 && !open1 -> cur[m]=0
  :: MREADY(m) ->
#else
  :: true ->
#endif
     seq[m]++; assert(seq[m]<9); cur[m]=m*10+seq[m]; tomb=tomb|(1<<cur[m])
  fi
}
inline expose(m,o,p) {
  if :: cur[m]>xv -> xv=cur[m]; good=0; lossok=0 :: else fi;
  if :: told[m]&B(p) -> dsend(m,p,SETTLED,mop[m],0) :: else fi;
  mop[m]=0; mph[m]=0; told[m]=0; prev[m]=0; lastgone(m)
}
#ifdef BUG_NOCONFIRM
#define CONFIRMED(m) true
#else
#define CONFIRMED(m) (need[m]==0)
#endif
#ifdef BUG_EXPOSE
#define EXPOSED(m) || mph[m]==2
#else
#define EXPOSED(m)
#endif
#ifdef COND       /* a condition may fail or not, as the search likes */
#define CONDFAIL(m,o,p) \
  :: d_step { AUTH(m) && MREADY(m) && cur[m]!=0 && mop[m]==0 && wcom[X(m,o)]!=0 && sess[X(m,o)] && DNOK2(m,o) && DNOK2(m,p) -> \
      t1=wcom[X(m,o)]; wcom[X(m,o)]=0; outc[m*8+t1]=255; dsend(m,o,FAIL,t1,0); \
      if :: m==1 -> restoreclaims(0,t1); restoreclaims(1,t1) :: else fi; t1=0 }
#else
#define CONDFAIL(m,o,p)
#endif

/* ------------------------------------------------------------------ G2, L3, R3 */
#ifdef BUG_NOWAIT
#define OVER(o,g) true
#else
#define OVER(o,g) (over[o] >= (g))
#endif
#ifdef BUG_NOG2
#define WRITEBYP(m,o) skip
#else
#define WRITEBYP(m,o) byp[o]=m+1
#endif
#ifdef BYPASS
#define BYPASSING(m,o,p) \
  :: d_step { AUTH(m) && sess[X(m,o)] && ((mph[m]==1 && (need[m]&B(o))) || (mph[m]==2 && who[mop[m]]==o)) -> endsession(m,o) } \
  :: d_step { AUTH(m) && GUARD(m) && !sess[X(m,o)] && mph[m]==1 && (need[m]&B(o)) && (m==0 || rep[o] || byp[o]==2) && OVER(o,barrier[X(m,o)]) -> \
      WRITEBYP(m,o); need[m]=need[m]&~B(o) } \
  :: d_step { AUTH(m) && GUARD(m) && !sess[X(m,o)] && mph[m]==2 && who[mop[m]]==o && DNOK(m,p) -> WRITEBYP(m,o); expose(m,o,p) } \
  RESYNCING(m,o)
#else
#define BYPASSING(m,o,p)
#endif
inline endsession(m,o) { sess[X(m,o)]=0; wlk[X(m,o)]=0; wcom[X(m,o)]=0; owes[X(m,o)]=0; clearup(X(m,o)) }

#ifdef BUG_R5FETCH
#define DETACHALL(o) skip
#else
#define DETACHALL(o) detach(o)
#endif
#ifdef BUG_REPLAY
#define CURRENT(m,v) true
#else
#define CURRENT(m,v) ((v)==cur[m])
#endif
#ifdef BUG_IN      /* the roster says `in` again as soon as the report is there */
#define INOK(m,o) true
#else               /* when the owner has processed what the resync told it */
#define INOK(m,o) (owes[X(m,o)]==0)
#endif
#ifdef BUG_KEEPDONE  /* a replayed outcome that others have seen waits for validity, too */
#define REPLAY DONE
#else
#define REPLAY DONEX
#endif
#ifdef BUG_DROPREPLACED  /* a resync drops what a completed, unacknowledged op replaced */
#define REPLACED(m,v) false
#else
#define REPLACED(m,v) (mph[m]==2 && (v)==prev[m])
#endif
#ifdef RESYNC
#define RESYNCING(m,o) \
  :: d_step { AUTH(m) && GUARD(m) && !sess[X(m,o)] && !dead[o] && term[o]==m && (m==0 || rep[o]) -> resync(m,o) } \
  :: d_step { AUTH(m) && GUARD(m) && sess[X(m,o)] && byp[o]==m+1 && INOK(m,o) -> byp[o]=0 }
#else
#define RESYNCING(m,o) \
  :: d_step { AUTH(m) && GUARD(m) && sess[X(m,o)] && byp[o]==m+1 && INOK(m,o) -> byp[o]=0 }
#endif
inline adopt(o) {               /* the owner enters a new session: beginReport */
  if :: fs[o]==1 || ds[o]==1 -> if :: busy && at==o -> endget() :: else fi :: else fi;
  if :: fs[o]==1 -> fs[o]=0; fid[o]=0 :: else fi;
  if :: ds[o]==1 -> ds[o]=0; did[o]=0 :: else fi;
  DETACHALL(o); kept[o]=0
}
inline resync(m,o) {            /* R3; the report and what the master makes of it are one step, its answers are messages */
  clearup(X(m,o)); cleardn(X(m,o)); adopt(o); sess[X(m,o)]=1; told[m]=told[m]&~B(o); owes[X(m,o)]=0;
  t2=0;                                                          /* 1: what is kept must be invalidated again */
  if :: pub[o]!=0 && pub[o]==cur[m] -> hold[m]=hold[m]|B(o); t2=1
     :: pub[o]!=0 && pub[o]!=cur[m] && REPLACED(m,pub[o]) -> dsend(m,o,INV,mop[m],mop[m]); told[m]=told[m]|B(o)
     :: pub[o]!=0 && pub[o]!=cur[m] && !REPLACED(m,pub[o]) -> dsend(m,o,INV,0,0)
     :: pub[o]==0 && park[o]!=0 && park[o]!=cur[m] && !REPLACED(m,park[o]) -> dsend(m,o,INV,0,0)
     :: pub[o]==0 && park[o]!=0 && park[o]!=cur[m] && REPLACED(m,park[o]) ->
        if :: who[mop[m]]==o && cause[o]==mop[m] -> skip
           :: who[mop[m]]==o && cause[o]!=mop[m] -> dsend(m,o,RESTORE,park[o],0)
           :: else -> dsend(m,o,INV,mop[m],mop[m]); told[m]=told[m]|B(o) fi
     :: pub[o]==0 && park[o]!=0 && park[o]==cur[m] -> hold[m]=hold[m]|B(o);
        if :: mop[m]==0 -> dsend(m,o,RESTORE,park[o],0) :: else -> t2=1 fi
     :: pub[o]==0 && park[o]==0 && !(op[o]!=0 && outc[m*8+op[o]]!=0 && outc[m*8+op[o]]==cur[m]) -> hold[m]=hold[m]&~B(o); lastgone(m)
     :: else fi;
  if :: op[o]==0 -> if :: mph[m]==2 && who[mop[m]]==o -> expose(m,o,(1-o)) :: else fi        /* it had taken it */
     :: op[o]!=0 && outc[m*8+op[o]]==255 -> dsend(m,o,FAIL,op[o],0)
     :: op[o]!=0 && outc[m*8+op[o]]!=0 && outc[m*8+op[o]]!=255 ->
        if :: !CURRENT(m,outc[m*8+op[o]]) -> dsend(m,o,ANSWER,op[o],outc[m*8+op[o]])
           :: else -> if :: !kind[op[o]] -> hold[m]=hold[m]|B(o); t2=1 :: else fi;
              if :: mop[m]==op[o] -> dsend(m,o,DONE,op[o],outc[m*8+op[o]]) :: else -> dsend(m,o,REPLAY,op[o],outc[m*8+op[o]]) fi
        fi
     :: else -> if :: mop[m]!=op[o] -> wcom[X(m,o)]=op[o] :: else fi
  fi;
#ifndef BUG_RESYNCPREP
  if :: mph[m]==1 && who[mop[m]]!=o && t2 -> need[m]=need[m]|B(o); told[m]=told[m]|B(o); barrier[X(m,o)]=gseq[o]; dsend(m,o,INV,mop[m],mop[m])
     :: mph[m]==1 && who[mop[m]]!=o && !t2 -> need[m]=need[m]&~B(o)
     :: else fi;
#endif
  owes[X(m,o)]=len(dn[X(m,o)]); t2=0
}

/* ------------------------------------------------------------------ failover */
#ifdef BUG_TRUST
#define TRUST(o) 1
#else
#define TRUST(o) (byp[o]==0)
#endif
#ifdef BUG_W0
#define W0OVER(o) true
#else
#define W0OVER(o) (gone0 && over[o]>=gseq[o])
#endif
#ifdef BYPASS
#define W0BYPASS(o) :: d_step { elected && term[o]==0 && byp[o]!=2 && !rep[o] && W0OVER(o) && len(dn[2])+2<=CAP && len(dn[3])+2<=CAP -> byp[o]=2; progress() }
#else
#define W0BYPASS(o)
#endif
#ifdef BUG_FALLBACK
#define PEND(c) true
#else
#define PEND(c) ((rpend>>(c))&1)
#endif
#define REPORT(o,p) \
  :: d_step { elected && term[o]==0 && !dead[o] && len(dn[X(1,p)])+2<=CAP -> report(o,p) } \
  W0BYPASS(o)

inline oldmaster() {            /* nobody can learn from the old master any more */
  if :: gone0 || (term[0]==1 && term[1]==1) ->
     gone0=1; cur[0]=0; hold[0]=0; seq[0]=0; prev[0]=0; mop[0]=0; mph[0]=0; need[0]=0; told[0]=0;
     sess[0]=0; sess[1]=0; barrier[0]=0; barrier[1]=0; wcom[0]=0; wcom[1]=0; wlk[0]=0; wlk[1]=0; owes[0]=0; owes[1]=0;
     outc[1]=0; outc[2]=0; outc[3]=0; clearup(0); clearup(1)
     :: else fi
}
inline report(o,p) {            /* R5, R6, R7, R9 */
  term[o]=1; cleardn(X(0,o)); cleardn(X(1,o)); clearup(X(1,o)); oldmaster(); adopt(o);
  sess[X(1,o)]=1;
  if :: trust[o] ->
        if :: pub[o]!=0 && cur[1]==0 && mop[1]==0 && !compl1 -> cur[1]=pub[o]; hold[1]=B(o)
           :: pub[o]!=0 && cur[1]!=0 && pub[o]==cur[1] -> hold[1]=hold[1]|B(o);
              if :: mph[1]==1 && who[mop[1]]!=o -> need[1]=need[1]|B(o); told[1]=told[1]|B(o); barrier[X(1,o)]=gseq[o]; dsend(1,o,INV,mop[1],mop[1]) :: else fi
           :: pub[o]!=0 && !(cur[1]==0 && mop[1]==0 && !compl1) && pub[o]!=cur[1] ->
              assert(open1 || cur[1]==0);                           /* R7: trusted owners agree */
              if :: REPLACED(1,pub[o]) -> dsend(1,o,INV,mop[1],mop[1]); told[1]=told[1]|B(o) :: else -> dsend(1,o,INV,0,0) fi
           :: pub[o]==0 && park[o]!=0 && ((cur[1]==0 && mop[1]==0 && !compl1) || cur[1]==park[o]) -> claim[o]=cause[o]
           :: pub[o]==0 && park[o]!=0 && !((cur[1]==0 && mop[1]==0 && !compl1) || cur[1]==park[o]) ->
              if :: REPLACED(1,park[o]) -> dsend(1,o,INV,mop[1],mop[1]); told[1]=told[1]|B(o) :: else -> dsend(1,o,INV,0,0) fi
           :: else fi;
        if :: op[o]!=0 -> wcom[X(1,o)]=op[o]; rpend=rpend|(1<<op[o]) :: else fi
     :: else ->                                                     /* R6, 0010 */
        pub[o]=0; park[o]=0; cause[o]=0; op[o]=0; pinv[o]=0; good=good&~B(o)
  fi;
  rep[o]=1; if :: byp[o]==2 -> skip :: else -> byp[o]=0 fi; progress();
  owes[X(1,o)]=len(dn[X(1,o)])
}
inline progress() {             /* R8, R7 */
  if :: (rep[0]||byp[0]==2) && (rep[1]||byp[1]==2) -> open1=1 :: else fi;
  judge(0); judge(1);
  if :: open1 && rep[0] && rep[1] && !compl1 -> compl1=1; judge(0); judge(1) :: else fi;
  absent()
}
inline absent() {
  if :: compl1 && cur[1]==0 && mop[1]==0 ->
        /* I9: only after a removal, or if every trusted owner of the newest version is gone */
        assert(TOMB(floor) || TOMB(xv) || lossok || (good & ((trust[0] && !dead[0])|((trust[1] && !dead[1])<<1)))==0);
        cur[1]=10; tomb=tomb|(1<<10)
     :: else fi
}
inline judge(o) {               /* R9 */
  if :: open1 && mop[1]==0 && claim[o]!=0 ->
        if :: cur[1]!=0 && cur[1]!=park[o] -> claim[o]=0; dsend(1,o,INV,0,0)
           :: !(cur[1]!=0 && cur[1]!=park[o]) && PEND(claim[o]) ->
              cur[1]=park[o]; hold[1]=hold[1]|B(o);
              if :: wcom[X(1,who[claim[o]])]==claim[o] -> skip :: else -> claim[o]=0; dsend(1,o,RESTORE,park[o],0) fi
           :: !(cur[1]!=0 && cur[1]!=park[o]) && !PEND(claim[o]) && !rep[who[claim[o]]] && trust[who[claim[o]]] -> skip
           :: else -> claim[o]=0; dsend(1,o,INV,0,0);
              if :: crashes || !trust[0] || !trust[1] || byp[0]==2 || byp[1]==2 -> lossok=1 :: else fi
        fi
     :: else fi
}
inline dropclaims(m,o) {
  if :: m==1 -> dropclaim(0,o); dropclaim(1,o) :: else fi
}
inline dropclaim(q,o) {          /* nothing completes before it is gone */
  if :: claim[q]!=0 && !(cur[1]!=0 && (hold[1]&B(q))) ->
        if :: q!=o -> need[1]=need[1]|B(q); barrier[X(1,q)]=gseq[q]; dsend(1,q,INV,0,mop[1]) :: else -> dsend(1,q,INV,0,0) fi
     :: else fi;
  claim[q]=0
}
inline restoreclaims(q,c) { if :: claim[q]==c && c!=0 -> dsend(1,q,RESTORE,park[q],0); claim[q]=0 :: else fi }

/* ------------------------------------------------------------------ an owner's death and its next life (R1) */
#define CRASHING(o,p) \
  :: d_step { !dead[o] && crashes==0 -> dead[o]=1; crashes=1 } \
  :: d_step { dead[o] && !gone0 && GUARD(0) && DNOK(0,p) && term[o]==0 -> fence(o); nextlife(0,o,p) } \
  :: d_step { dead[o] && elected && len(dn[X(1,p)])+2<=CAP -> fence(o); cleardn(X(0,o)); term[o]=1; trust[o]=1; rep[o]=1; oldmaster(); nextlife(1,o,p); progress() }
inline fence(o) {
  D[o]=0; pub[o]=0; park[o]=0; cause[o]=0; op[o]=0; pinv[o]=0; kept[o]=0; good=good&~B(o);
  endfetch(o); enddet(o); dead[o]=0
}
inline nextlife(m,o,p) {        /* supersede: everything of the life before is forgotten */
  clearup(X(m,o)); cleardn(X(m,o)); wcom[X(m,o)]=0; wlk[X(m,o)]=0; owes[X(m,o)]=0; sess[X(m,o)]=1; byp[o]=0;
  if :: m==1 -> claim[o]=0 :: else fi;
  hold[m]=hold[m]&~B(o); need[m]=need[m]&~B(o); told[m]=told[m]&~B(o);
  if :: mph[m]==1 && who[mop[m]]==o ->                              /* C6: aborted */
        if :: (told[m]&B(p)) && cur[m]!=0 -> dsend(m,p,RESTORE,cur[m],0) :: else fi;
        mop[m]=0; mph[m]=0; told[m]=0; need[m]=0
     :: mph[m]==2 && who[mop[m]]==o -> expose(m,o,p)
     :: else fi;
  lastgone(m)
}

active proctype world() {
  d_step {
    sess[0]=1; sess[1]=1; trust[0]=1; trust[1]=1;
    seq[0]=1; cur[0]=1; hold[0]=HELD; floor=1; xv=1; good=HELD; pub[0]=HELD&1; pub[1]=HELD/2;
    gseq[0]=1; gseq[1]=1; D[0]=1; D[1]=1
  };
  do
  OWNER(0,1) OWNER(1,0)
  MASTER(0,0,1) MASTER(0,1,0)
#ifdef FAILOVER
  MASTER(1,0,1) MASTER(1,1,0)
  :: d_step { !elected -> elected=1; trust[0]=TRUST(0); trust[1]=TRUST(1) }
  :: d_step { elected && !gone0 -> gone0=1; oldmaster() }            /* G1 */
  REPORT(0,1) REPORT(1,0)
#endif
#ifdef CRASH
  CRASHING(0,1) CRASHING(1,0)
#endif
  od
}
