// What SASLprep needs to know of Unicode 3.2 (RFC 3454 appendices B to D; normalisation form KC). Written by
// Scripts/stringprep; do not edit. Numbers are in base 36. `Stringprep.swift` reads them, and says how.

extension Stringprep {
    /// RFC 3454 B.1: mapped to nothing.
    static let nothingText: StaticString = """
        4t 1 ip 1 43a 1 4 3 1kt 3 2a 1 17rz g 6n 1
        """

    /// RFC 3454 C.1.2: spaces beyond ASCII.
    static let spaceText: StaticString = """
        4g 1 4bj 1 1vj c z 1 1b 1 334 1
        """

    /// RFC 3454 C.2 to C.9 without surrogates.
    static let prohibitedText: StaticString = """
        0 w 2n x io 2 pn 1 1d 1 3cu 1 1kt 4 o 7 1d 4 6 6 328 c yro 4xs y8 w 7j 1 6x 7 15df 8 96r 2 1eke 2 1eke 2 1eke 2
        1eke 2 1eke 2 1eke 2 1eke 2 1eke 2 1eke 2 1eke 2 1eke 2 1eke 2 1 1 u 2o 1egu 2t4y
        """

    /// RFC 3454 D.1: RandALCat.
    static let rightToLeftText: StaticString = """
        14u 1 1 1 2 1 c r 5 5 12 1 3 1 1 q 5 b y 3 1 2t 7 1 7 2 j 5 1 e 2 1 1 r 2b 12 b 1 4t9 1 179p 1 1 a 1 d 1 5 1 1
        1 2 1 2 1 30 x a3 i 1s 2 1i 14 d 37 5 1 3r
        """

    /// RFC 3454 D.2: LCat.
    static let leftToRightText: StaticString = """
        1t q 6 q 1b 1 a 1 4 1 5 n 1 v 1 89 1 i s 2m 2 9 2 7 e 2 e 5 9 1 3v 1 b 1 1 3 1 1 1 k 1 18 1 12 a 3n 7 1x 1 12 2
        2 6 g x 12 2 7 1 13 1 1 op 1 1 1h 3 4 8 4 3 1 7 a 2 d h 2 1 8 2 2 2 m 1 7 1 1 3 4 4 3 6 2 2 2 a 1 4 2 1 3 4 c 2
        7 a 6 4 2 2 m 1 7 1 2 1 2 1 2 4 3 o 4 1 1 7 a 2 3 e 1 1 7 1 1 1 3 1 m 1 7 1 2 1 5 3 4 8 1 1 2 3 1 f 1 5 a i 2 1
        8 2 2 2 m 1 7 1 2 2 4 3 2 1 1 6 2 2 2 a 1 4 2 1 3 4 b i 1 1 6 3 3 1 4 3 2 1 1 1 2 3 2 3 3 3 8 1 3 4 2 1 2 3 3 1
        3 a 1 f c e 3 1 8 1 3 1 n 1 a 1 5 7 4 r 2 4 a i 2 1 8 1 3 1 n 1 a 1 5 4 1 1 5 2 2 1 2 9 2 7 1 1 2 4 a i 2 1 8 1
        3 1 n 1 g 4 3 5 3 1 3 a 1 8 2 4 a i 2 1 i 3 o 1 9 1 1 2 7 8 3 6 8 i 3 c 1c 1 2 c 7 8 d 11 2 1 1 2 2 1 1 2 1 6 4
        1 7 1 3 1 1 1 1 2 2 1 4 1 2 9 1 2 5 1 1 9 a 2 2 y o 2 r 1 1 1 1 5 a 1 y k 1 5 1 2 4 1e 8 1 6 2 1 1c y 1 5 1 2 1
        1 4 1 6 1 7 o 20 12 a 15 2 1 4 2i 5 1w 5 2a 6 7 1 1r 1 1 1 4 2 7 1 1 1 4 2 13 1 1 1 4 2 v 1 1 1 4 2 7 1 1 1 4 2
        7 1 7 1 n 1 v 1 1 1 4 2 7 1 13 1 j 6 s z 2d c hi a q 5 29 f d 1 4 e i 3 2 9 i e d 1 3 f 1j 7 8 1 2 b 7 1 1 3 a
        12 a 6 2g 8 15 11z 4c 4 2i 6 m 2 6 2 12 2 6 2 8 1 1 1 1 1 1 1 v 2 1h 1 7 1 1 3 3 1 7 3 4 2 6 4 d 5 3 1 7 h 1 2q
        1 d 1 3m 1 4 1 2 a 1 1 3 5 6 1 1 1 1 1 1 4 1 3 1 7 3 3 5 5 m 10 c2 1x q 1 7a 26 26z 3 p 9 7 5 2 5 4 2e 6 3 1 2i
        1 4 5 14 4 2m 1 14 1k 19 3 10 s s 3 1e f c 4 1b 1 3b 4 2r 2 v 1 52u 22 g4m 2i wd 1gz 8mc 1ng 566 2 1n 45 7 c 5
        sp q 6 q b 2h 3 6 2 6 2 6 2 3 mb v 1 4 c r 51 12 2 12 148i 6u a 13 3 1p 3 9 g 2 7 u 4 1c f6 2d 1 1z 1 2 2 1 2 2
        2 4 1 c 1 1 1 4 1 2 1 1t 1 4 2 8 1 7 1 s 1 4 1 5 1 1 3 7 1 9e 4 82 7xy wyf g15 f2 gvz6 1eke 2 1eke
        """

    /// Combining classes that are not 0.
    static let classText: StaticString = """
        lc l 6e 0 1 6g 0 4 64 0 1 6g 0 1 60 0 5 64 0 2 5m 0 4 64 0 2 5m 0 b 64 0 5 1 0 4 64 0 8 6e 0 1 6o 0 1 6e 0 3 64
        0 3 6e 0 2 64 h 2 6i 0 1 6h 0 d 6e 7n 4 6e 7e 1 64 0 4 6e 0 1 64 0 3 6e 0 1 66 0 1 64 0 6 6e 1 5 64 0 2 6e 0 1
        64 0 2 6e 0 1 66 0 1 6c 0 1 6e 0 1 a 0 1 b 0 1 c 0 1 d 0 1 e 0 1 f 0 1 g 0 1 h 0 1 i 0 1 j 1 1 k 0 1 l 0 1 m 1
        1 n 1 1 o 0 1 p 1 1 6e 3q 1 r 0 1 s 0 1 t 0 1 u 0 1 v 0 1 w 0 1 x 0 1 y 0 2 6e 0 1 64 q 1 z 2t 7 6e 2 4 6e 0 1
        64 0 1 6e 2 2 6e 1 1 64 0 2 6e 0 1 64 z 1 10 u 1 6e 0 1 64 0 2 6e 0 1 64 0 2 6e 0 3 64 0 1 6e 0 2 64 0 1 6e 0 1
        64 0 3 6e 0 1 64 0 1 6e 0 1 64 0 1 6e 0 1 64 0 1 6e 0 1 64 0 2 6e dt 1 7 g 1 9 3 1 6e 0 1 64 0 2 6e 2v 1 7 g 1
        9 32 1 7 g 1 9 32 1 7 g 1 9 32 1 7 g 1 9 3j 1 9 3j 1 9 7 1 2c 0 1 2j 3a 1 9 3j 1 9 3g 1 9 31 2 2v 0 1 9 d 4 2z
        30 2 3a e 4 3e 24 2 64 r 1 64 1 1 64 1 1 60 1j 1 3l 0 1 3m 1 1 3o 5 4 3m 2 1 3m 1 2 6e 0 1 9 1 2 6e 1q 1 64 34
        1 7 1 1 9 1cq 1 9 v 1 9 4d 1 9 5y 1 6c 1ly 2 6e 0 2 1 0 4 6e 0 3 1 0 2 6e 4 1 6e 3 2 1 0 1 6e 0 1 64 0 1 6e 0 1
        1 30f 1 62 0 1 6c 0 1 6g 0 1 66 0 2 68 2x 2 8 1403 1 q ld 4 6e 15q9 2 60 0 3 1 3 1 6a 0 5 60 8 8 64 2 5 6e 0 2
        64 u 4 6e
        """

    /// Form KD, but for Hangul syllables.
    static let decompositionText: StaticString = """
        4g:w 7:w.lk 1:2p 4:w.lg 2:1e*2 0:w.ld 0:qk 2:w.mf 0:1d 0:33 1:1d.6dg.1g 0:1d.6dg.1e 0:1f.6dg.1g 1:1t.lc 0:1t.ld
        0:1t.le 0:1t.lf 0:1t.lk 0:1t.lm 1:1v.mf 0:1x.lc 0:1x.ld 0:1x.le 0:1x.lk 0:21.lc 0:21.ld 0:21.le 0:21.lk 1:26.lf
        0:27.lc 0:27.ld 0:27.le 0:27.lf 0:27.lk 2:2d.lc 0:2d.ld 0:2d.le 0:2d.lk 0:2h.ld 2:2p.lc 0:2p.ld 0:2p.le 0:2p.lf
        0:2p.lk 0:2p.lm 1:2r.mf 0:2t.lc 0:2t.ld 0:2t.le 0:2t.lk 0:2x.lc 0:2x.ld 0:2x.le 0:2x.lk 1:32.lf 0:33.lc 0:33.ld
        0:33.le 0:33.lf 0:33.lk 2:39.lc 0:39.ld 0:39.le 0:39.lk 0:3d.ld 1:3d.lk 0:1t.lg 0:2p.lg 0:1t.li 0:2p.li 0:1t.mg
        0:2p.mg 0:1v.ld 0:2r.ld 0:1v.le 0:2r.le 0:1v.lj 0:2r.lj 0:1v.lo 0:2r.lo 0:1w.lo 0:2s.lo 2:1x.lg 0:2t.lg 0:1x.li
        0:2t.li 0:1x.lj 0:2t.lj 0:1x.mg 0:2t.mg 0:1x.lo 0:2t.lo 0:1z.le 0:2v.le 0:1z.li 0:2v.li 0:1z.lj 0:2v.lj 0:1z.mf
        0:2v.mf 0:20.le 0:2w.le 2:21.lf 0:2x.lf 0:21.lg 0:2x.lg 0:21.li 0:2x.li 0:21.mg 0:2x.mg 0:21.lj 1:21.22 0:2x.2y
        0:22.le 0:2y.le 0:23.mf 0:2z.mf 1:24.ld 0:30.ld 0:24.mf 0:30.mf 0:24.lo 0:30.lo 0:24.53 0:30.53 2:26.ld 0:32.ld
        0:26.mf 0:32.mf 0:26.lo 0:32.lo 0:jg.32 2:27.lg 0:33.lg 0:27.li 0:33.li 0:27.ln 0:33.ln 2:2a.ld 0:36.ld 0:2a.mf
        0:36.mf 0:2a.lo 0:36.lo 0:2b.ld 0:37.ld 0:2b.le 0:37.le 0:2b.mf 0:37.mf 0:2b.lo 0:37.lo 0:2c.mf 0:38.mf 0:2c.lo
        0:38.lo 2:2d.lf 0:39.lf 0:2d.lg 0:39.lg 0:2d.li 0:39.li 0:2d.lm 0:39.lm 0:2d.ln 0:39.ln 0:2d.mg 0:39.mg 0:2f.le
        0:3b.le 0:2h.le 0:3d.le 0:2h.lk 0:2i.ld 0:3e.ld 0:2i.lj 0:3e.lj 0:2i.lo 0:3e.lo 0:37 w:27.m3 0:33.m3 d:2d.m3
        0:39.m3 j:1w.2i.lo 0:1w.3e.lo 0:2s.3e.lo 0:24.22 0:24.2y 0:30.2y 0:26.22 0:26.2y 0:32.2y 0:1t.lo 0:2p.lo
        0:21.lo 0:2x.lo 0:27.lo 0:33.lo 0:2d.lo 0:39.lo 0:2d.lk.lg 0:39.lk.lg 0:2d.lk.ld 0:39.lk.ld 0:2d.lk.lo
        0:39.lk.lo 0:2d.lk.lc 0:39.lk.lc 1:1t.lk.lg 0:2p.lk.lg 0:1t.lj.lg 0:2p.lj.lg 0:5i.lg 0:6e.lg 2:1z.lo 0:2v.lo
        0:23.lo 0:2z.lo 0:27.mg 0:33.mg 0:27.mg.lg 0:33.mg.lg 0:c7.lo 0:ia.lo 0:2y.lo 0:1w.2i 0:1w.3e 0:2s.3e 0:1z.ld
        0:2v.ld 2:26.lc 0:32.lc 0:1t.lm.ld 0:2p.lm.ld 0:5i.ld 0:6e.ld 0:60.ld 0:6w.ld 0:1t.lr 0:2p.lr 0:1t.lt 0:2p.lt
        0:1x.lr 0:2t.lr 0:1x.lt 0:2t.lt 0:21.lr 0:2x.lr 0:21.lt 0:2x.lt 0:27.lr 0:33.lr 0:27.lt 0:33.lt 0:2a.lr 0:36.lr
        0:2a.lt 0:36.lt 0:2d.lr 0:39.lr 0:2d.lt 0:39.lt 0:2b.me 0:37.me 0:2c.me 0:38.me 2:20.lo 0:2w.lo 6:1t.lj 0:2p.lj
        0:1x.mf 0:2t.mf 0:27.lk.lg 0:33.lk.lg 0:27.lf.lg 0:33.lf.lg 0:27.lj 0:33.lj 0:27.lj.lg 0:33.lj.lg 0:2h.lg
        0:3d.lg 3g:2w 0:h2 0:2y 0:36 0:hl 0:hn 0:ht 0:3b 0:3d v:w.li 0:w.lj 0:w.lm 0:w.mg 0:w.lf 0:w.ln 2:gz 0:30 0:37
        0:3c 0:id 2j:lc*2 1:lv 0:lk.ld 1b:jd 5:w.n9 3:1n 5:w.ld 0:w.lk.ld 0:pd.ld 0:53 0:ph.ld 0:pj.ld 0:pl.ld 1:pr.ld
        1:px.ld 0:q1.ld 0:qh.lk.ld p:pl.lk 0:px.lk 0:q9.ld 0:qd.ld 0:qf.ld 0:qh.ld 0:qt.lk.ld p:qh.lk 0:qt.lk 0:qn.ld
        0:qt.ld 0:qx.ld 1:qa 0:qg 0:px 0:px.ld 0:px.lk 0:qu 0:qo p:qi 0:qp*2 1:pk 0:qd a:t1.lc 0:t1.lk 1:sz.ld 3:sm.lk
        4:t6.ld 0:t4.lc 0:tf.li a:t4.li v:u0.li m:tx.lc 0:tx.lk 1:tv.ld 3:uu.lk 4:u2.ld 0:u0.lc 0:ub.li n:vo.lr 0:vp.lr
        21:t2.li 0:ty.li d:sw.li 0:ts.li 0:sw.lk 0:ts.lk 2:t1.li 0:tx.li 2:yg.lk 0:yh.lk 0:t2.lk 0:ty.lk 0:t3.lk
        0:tz.lk 2:t4.lg 0:u0.lg 0:t4.lk 0:u0.lk 0:ta.lk 0:u6.lk 2:yw.lk 0:yx.lk 0:tp.lk 0:ul.lk 0:tf.lg 0:ub.lg 0:tf.lk
        0:ub.lk 0:tf.ln 0:ub.ln 0:tj.lk 0:uf.lk 2:tn.lk 0:uj.lk 3x:12d.136 4a:17r.18z 0:17r.190 0:18o.190 0:17r.191
        0:18q.190 26:17r.19w 0:18o.19w 0:1c7.19w 0:18q.19w 1z:1cl.190 1:1c1.190 g:1ci.190 gl:1t4.1to 7:1tc.1to
        2:1tf.1to z:1sl.1to 0:1sm.1to 0:1sn.1to 0:1ss.1to 0:1sx.1to 0:1sy.1to 0:1t7.1to 0:1tb.1to 2z:1xj.1xa 0:1xj.1xz
        f:1wh.1x8 0:1wi.1x8 1:1wv.1x8 2b:20i.20s 2:20o.20s y:1zq.20s 0:1zr.20s 0:1zw.20s 2:20b.20s 6h:287.28m 2:287.27y
        0:287.28n f:275.27w 0:276.27w 1i:2aa.2c7 1h:2bq.2bi 0:2br.2bi 0:2bq.2c7 3f:2fa.2fq 3b:2in.2j9 6:2iu.2j9
        0:2iu.2ja 1:2iu.2iq 0:2iu.2iq.2j9 3i:2me.2m6 0:2mf.2m6 0:2me.2mv 3x:2qh.2q2 1:2qh.2q7 0:2qh.2q7.2q2 0:2qh.2qn
        2c:2tp.2sy 3j:2x9.2wi 14:2wb.2vt 0:2wb.2w1 1a:2yz 1i:30i.33r 9:30s.33r 4:30x.33r 4:312.33r 4:317.33r c:30g.33p
        9:31t.31u 1:31t.31w 0:33m.328 0:33m.31t.328 0:33n.328 0:33n.31t.328 7:31t.328 h:32q.33r 9:330.33r 4:335.33r
        4:33a.33r 4:33f.33r c:32o.33p 30:36t.372 2qh:1t.md 0:2p.md 0:1u.lj 0:2q.lj 0:1u.mb 0:2q.mb 0:1u.mp 0:2q.mp
        0:1v.mf.ld 0:2r.mf.ld 0:1w.lj 0:2s.lj 0:1w.mb 0:2s.mb 0:1w.mp 0:2s.mp 0:1w.mf 0:2s.mf 0:1w.ml 0:2s.ml
        0:1x.lg.lc 0:2t.lg.lc 0:1x.lg.ld 0:2t.lg.ld 0:1x.ml 0:2t.ml 0:1x.mo 0:2t.mo 0:1x.mf.li 0:2t.mf.li 0:1y.lj
        0:2u.lj 0:1z.lg 0:2v.lg 0:20.lj 0:2w.lj 0:20.mb 0:2w.mb 0:20.lk 0:2w.lk 0:20.mf 0:2w.mf 0:20.mm 0:2w.mm 0:21.mo
        0:2x.mo 0:21.lk.ld 0:2x.lk.ld 0:23.ld 0:2z.ld 0:23.mb 0:2z.mb 0:23.mp 0:2z.mp 0:24.mb 0:30.mb 0:24.mb.lg
        0:30.mb.lg 0:24.mp 0:30.mp 0:24.ml 0:30.ml 0:25.ld 0:31.ld 0:25.lj 0:31.lj 0:25.mb 0:31.mb 0:26.lj 0:32.lj
        0:26.mb 0:32.mb 0:26.mp 0:32.mp 0:26.ml 0:32.ml 0:27.lf.ld 0:33.lf.ld 0:27.lf.lk 0:33.lf.lk 0:27.lg.lc
        0:33.lg.lc 0:27.lg.ld 0:33.lg.ld 0:28.ld 0:34.ld 0:28.lj 0:34.lj 0:2a.lj 0:36.lj 0:2a.mb 0:36.mb 0:2a.mb.lg
        0:36.mb.lg 0:2a.mp 0:36.mp 0:2b.lj 0:37.lj 0:2b.mb 0:37.mb 0:2b.ld.lj 0:37.ld.lj 0:2b.lo.lj 0:37.lo.lj
        0:2b.mb.lj 0:37.mb.lj 0:2c.lj 0:38.lj 0:2c.mb 0:38.mb 0:2c.mp 0:38.mp 0:2c.ml 0:38.ml 0:2d.mc 0:39.mc 0:2d.mo
        0:39.mo 0:2d.ml 0:39.ml 0:2d.lf.ld 0:39.lf.ld 0:2d.lg.lk 0:39.lg.lk 0:2e.lf 0:3a.lf 0:2e.mb 0:3a.mb 0:2f.lc
        0:3b.lc 0:2f.ld 0:3b.ld 0:2f.lk 0:3b.lk 0:2f.lj 0:3b.lj 0:2f.mb 0:3b.mb 0:2g.lj 0:3c.lj 0:2g.lk 0:3c.lk 0:2h.lj
        0:3d.lj 0:2i.le 0:3e.le 0:2i.mb 0:3e.mb 0:2i.mp 0:3e.mp 0:2w.mp 0:38.lk 0:3b.lm 0:3d.lm 0:2p.ji 0:37.lj 4:1t.mb
        0:2p.mb 0:1t.ll 0:2p.ll 0:1t.le.ld 0:2p.le.ld 0:1t.le.lc 0:2p.le.lc 0:1t.le.ll 0:2p.le.ll 0:1t.le.lf 0:2p.le.lf
        0:1t.mb.le 0:2p.mb.le 0:1t.li.ld 0:2p.li.ld 0:1t.li.lc 0:2p.li.lc 0:1t.li.ll 0:2p.li.ll 0:1t.li.lf 0:2p.li.lf
        0:1t.mb.li 0:2p.mb.li 0:1x.mb 0:2t.mb 0:1x.ll 0:2t.ll 0:1x.lf 0:2t.lf 0:1x.le.ld 0:2t.le.ld 0:1x.le.lc
        0:2t.le.lc 0:1x.le.ll 0:2t.le.ll 0:1x.le.lf 0:2t.le.lf 0:1x.mb.le 0:2t.mb.le 0:21.ll 0:2x.ll 0:21.mb 0:2x.mb
        0:27.mb 0:33.mb 0:27.ll 0:33.ll 0:27.le.ld 0:33.le.ld 0:27.le.lc 0:33.le.lc 0:27.le.ll 0:33.le.ll 0:27.le.lf
        0:33.le.lf 0:27.mb.le 0:33.mb.le 0:27.m3.ld 0:33.m3.ld 0:27.m3.lc 0:33.m3.lc 0:27.m3.ll 0:33.m3.ll 0:27.m3.lf
        0:33.m3.lf 0:27.m3.mb 0:33.m3.mb 0:2d.mb 0:39.mb 0:2d.ll 0:39.ll 0:2d.m3.ld 0:39.m3.ld 0:2d.m3.lc 0:39.m3.lc
        0:2d.m3.ll 0:39.m3.ll 0:2d.m3.lf 0:39.m3.lf 0:2d.m3.mb 0:39.m3.mb 0:2h.lc 0:3d.lc 0:2h.mb 0:3d.mb 0:2h.ll
        0:3d.ll 0:2h.lf 0:3d.lf 6:q9.lv 0:q9.lw 0:q9.lv.lc 0:q9.lw.lc 0:q9.lv.ld 0:q9.lw.ld 0:q9.lv.n6 0:q9.lw.n6
        0:pd.lv 0:pd.lw 0:pd.lv.lc 0:pd.lw.lc 0:pd.lv.ld 0:pd.lw.ld 0:pd.lv.n6 0:pd.lw.n6 0:qd.lv 0:qd.lw 0:qd.lv.lc
        0:qd.lw.lc 0:qd.lv.ld 0:qd.lw.ld 2:ph.lv 0:ph.lw 0:ph.lv.lc 0:ph.lw.lc 0:ph.lv.ld 0:ph.lw.ld 2:qf.lv 0:qf.lw
        0:qf.lv.lc 0:qf.lw.lc 0:qf.lv.ld 0:qf.lw.ld 0:qf.lv.n6 0:qf.lw.n6 0:pj.lv 0:pj.lw 0:pj.lv.lc 0:pj.lw.lc
        0:pj.lv.ld 0:pj.lw.ld 0:pj.lv.n6 0:pj.lw.n6 0:qh.lv 0:qh.lw 0:qh.lv.lc 0:qh.lw.lc 0:qh.lv.ld 0:qh.lw.ld
        0:qh.lv.n6 0:qh.lw.n6 0:pl.lv 0:pl.lw 0:pl.lv.lc 0:pl.lw.lc 0:pl.lv.ld 0:pl.lw.ld 0:pl.lv.n6 0:pl.lw.n6 0:qn.lv
        0:qn.lw 0:qn.lv.lc 0:qn.lw.lc 0:qn.lv.ld 0:qn.lw.ld 2:pr.lv 0:pr.lw 0:pr.lv.lc 0:pr.lw.lc 0:pr.lv.ld 0:pr.lw.ld
        2:qt.lv 0:qt.lw 0:qt.lv.lc 0:qt.lw.lc 0:qt.lv.ld 0:qt.lw.ld 0:qt.lv.n6 0:qt.lw.n6 1:px.lw 1:px.lw.lc 1:px.lw.ld
        1:px.lw.n6 0:qx.lv 0:qx.lw 0:qx.lv.lc 0:qx.lw.lc 0:qx.lv.ld 0:qx.lw.ld 0:qx.lv.n6 0:qx.lw.n6 0:q1.lv 0:q1.lw
        0:q1.lv.lc 0:q1.lw.lc 0:q1.lv.ld 0:q1.lw.ld 0:q1.lv.n6 0:q1.lw.n6 0:q9.lc 0:q9.ld 0:qd.lc 0:qd.ld 0:qf.lc
        0:qf.ld 0:qh.lc 0:qh.ld 0:qn.lc 0:qn.ld 0:qt.lc 0:qt.ld 0:qx.lc 0:qx.ld 2:q9.lv.n9 0:q9.lw.n9 0:q9.lv.lc.n9
        0:q9.lw.lc.n9 0:q9.lv.ld.n9 0:q9.lw.ld.n9 0:q9.lv.n6.n9 0:q9.lw.n6.n9 0:pd.lv.n9 0:pd.lw.n9 0:pd.lv.lc.n9
        0:pd.lw.lc.n9 0:pd.lv.ld.n9 0:pd.lw.ld.n9 0:pd.lv.n6.n9 0:pd.lw.n6.n9 0:qf.lv.n9 0:qf.lw.n9 0:qf.lv.lc.n9
        0:qf.lw.lc.n9 0:qf.lv.ld.n9 0:qf.lw.ld.n9 0:qf.lv.n6.n9 0:qf.lw.n6.n9 0:pj.lv.n9 0:pj.lw.n9 0:pj.lv.lc.n9
        0:pj.lw.lc.n9 0:pj.lv.ld.n9 0:pj.lw.ld.n9 0:pj.lv.n6.n9 0:pj.lw.n6.n9 0:qx.lv.n9 0:qx.lw.n9 0:qx.lv.lc.n9
        0:qx.lw.lc.n9 0:qx.lv.ld.n9 0:qx.lw.ld.n9 0:qx.lv.n6.n9 0:qx.lw.n6.n9 0:q1.lv.n9 0:q1.lw.n9 0:q1.lv.lc.n9
        0:q1.lw.lc.n9 0:q1.lv.ld.n9 0:q1.lw.ld.n9 0:q1.lv.n6.n9 0:q1.lw.n6.n9 0:q9.li 0:q9.lg 0:q9.lc.n9 0:q9.n9
        0:q9.ld.n9 1:q9.n6 0:q9.n6.n9 0:pd.li 0:pd.lg 0:pd.lc 0:pd.ld 0:pd.n9 0:w.lv 0:qh 0:w.lv 0:w.n6 0:w.lk.n6
        0:qf.lc.n9 0:qf.n9 0:qf.ld.n9 1:qf.n6 0:qf.n6.n9 0:ph.lc 0:ph.ld 0:pj.lc 0:pj.ld 0:pj.n9 0:w.lv.lc 0:w.lv.ld
        0:w.lv.n6 0:qh.li 0:qh.lg 0:qh.lk.lc 0:qh.lk.ld 2:qh.n6 0:qh.lk.n6 0:pl.li 0:pl.lg 0:pl.lc 0:pl.ld 1:w.lw.lc
        0:w.lw.ld 0:w.lw.n6 0:qt.li 0:qt.lg 0:qt.lk.lc 0:qt.lk.ld 0:qp.lv 0:qp.lw 0:qt.n6 0:qt.lk.n6 0:px.li 0:px.lg
        0:px.lc 0:px.ld 0:pt.lw 0:w.lk.lc 0:w.lk.ld 0:2o 2:qx.lc.n9 0:qx.n9 0:qx.ld.n9 1:qx.n6 0:qx.n6.n9 0:pr.lc
        0:pr.ld 0:q1.lc 0:q1.ld 0:q1.n9 0:w.ld 0:w.lw 1:w 0:w 0:w 0:w 0:w 0:w 0:w 0:w 0:w 0:w 0:w 6:6c0 5:w.mr c:1a
        0:1a.1a 0:1a.1a.1a 8:w 3:6cy.6cy 0:6cy.6cy.6cy 1:6d1.6d1 0:6d1.6d1.6d1 4:x.x 1:w.lh 8:1r.1r 0:1r.x 0:x.1r
        d:6cy.6cy.6cy.6cy 7:w g:1c 0:2x 2:1g*6 0:17 0:6qa 0:1p 0:14*2 0:32 0:1c*a 0:17 0:6qa 0:1p 0:14*2 p:2a.37
        2f:2p.1b.2r 0:2p.1b.37 0:1v 0:4w.1v 1:2r.1b.33 0:2r.1b.39 0:b4 1:4w.1y 0:2v 0:20 0:20 0:20 0:2w 0:87 0:21 0:21
        0:24 0:30 1:26 0:26.33 2:28*3 0:2a 0:2a 2:2b.25 0:2c.1x.24 0:2c.25 1:2i 1:q1 1:2i 1:23 0:1t.lm 0:1u*2 1:2t
        0:1x*2 1:25 0:33 0:15c*4 0:2x 3:qb 0:pf 0:ps 0:6q9 4:1w 0:2s*2 0:2x*2 9:1d.6dg.1f 0:1e.6dg.1f 0:1d.6dg.1h
        0:1e.6dg.1h 0:1f.6dg.1h 0:1g.6dg.1h 0:1d.6dg.1i 0:1h.6dg.1i 0:1d.6dg.1k 0:1f.6dg.1k 0:1h.6dg.1k 0:1j.6dg.1k
        0:1d.6dg 0:21 0:21.21 0:21.21.21 0:21.2e 0:2e 0:2e.21 0:2e.21.21 0:2e.21.21.21 0:21.2g 0:2g 0:2g.21 0:2g.21.21
        0:24 0:1v*2 0:25 0:2x 0:2x.2x 0:2x.2x.2x 0:2x.3a 0:3a 0:3a.2x 0:3a.2x.2x 0:3a.2x.2x.2x 0:2x.3c 0:3c 0:3c.2x
        0:3c.2x.2x 0:30 0:2r*2 0:31 q:6mo.mw 0:6mq.mw i:6ms.mw u:6og.mw 0:6ok.mw 0:6oi.mw 1g:6pv.mw 4:6q0.mw 2:6q3.mw
        n:6qr.mw 1:6qt.mw 5:6qz.6qz 0:6qz.6qz.6qz 1:6r2.6r2 0:6r2.6r2.6r2 g:6rg.mw 2:6rn.mw 2:6rp.mw 1:6rs.mw m:1p.mw
        1:6sh.mw a:6rx.mw 0:1o.mw 0:1q.mw 0:6sk.mw 0:6sl.mw 2:6sy.mw 0:6sz.mw 2:6t2.mw 0:6t3.mw 6:6t6.mw 0:6t7.mw
        2:6te.mw 0:6tf.mw 2:6ti.mw 0:6tj.mw y:6ua.mw 0:6ug.mw 0:6uh.mw 0:6uj.mw 1c:6t8.mw 0:6t9.mw 0:6tt.mw 0:6tu.mw
        6:6uq.mw 0:6ur.mw 0:6us.mw 0:6ut.mw 1n:9hk*2 8l:1d*9 0:1d.1c 0:1d.1d 0:1d.1e 0:1d.1f 0:1d.1g 0:1d.1h 0:1d.1i
        0:1d.1j 0:1d.1k 0:1d.1l 0:1e.1c 0:14.1d.15 0:14.1e.15 0:14.1f.15 0:14.1g.15 0:14.1h.15 0:14.1i.15 0:14.1j.15
        0:14.1k.15 0:14.1l.15 0:14.1d.1c.15 0:14.1d.1d.15 0:14.1d.1e.15 0:14.1d.1f.15 0:14.1d.1g.15 0:14.1d.1h.15
        0:14.1d.1i.15 0:14.1d.1j.15 0:14.1d.1k.15 0:14.1d.1l.15 0:14.1e.1c.15 0:1d.1a 0:1e.1a 0:1f.1a 0:1g.1a 0:1h.1a
        0:1i.1a 0:1j.1a 0:1k.1a 0:1l.1a 0:1d.1c.1a 0:1d.1d.1a 0:1d.1e.1a 0:1d.1f.1a 0:1d.1g.1a 0:1d.1h.1a 0:1d.1i.1a
        0:1d.1j.1a 0:1d.1k.1a 0:1d.1l.1a 0:1e.1c.1a 0:14.2p.15 0:14.2q.15 0:14.2r.15 0:14.2s.15 0:14.2t.15 0:14.2u.15
        0:14.2v.15 0:14.2w.15 0:14.2x.15 0:14.2y.15 0:14.2z.15 0:14.30.15 0:14.31.15 0:14.32.15 0:14.33.15 0:14.34.15
        0:14.35.15 0:14.36.15 0:14.37.15 0:14.38.15 0:14.39.15 0:14.3a.15 0:14.3b.15 0:14.3c.15 0:14.3d.15 0:14.3e.15
        0:1t*q 0:2p*q 0:1c 10h:6qz.6qz.6qz.6qz 2v:1m.1m.1p 0:1p.1p 0:1p.1p.1p 2t:8gt.mw qq:lal 2b:vj3 c:feo 0:ffs 0:fg6
        0:fgf 0:fh5 0:fid 0:fik 0:fj4 0:fju 0:g1r 0:g2t 0:g2z 0:g3m 0:g46 0:g4r 0:g68 0:g6t 0:g74 0:gbf 0:ge1 0:get
        0:gey 0:gfs 0:gg1 0:ggs 0:gh5 0:ghu 0:gja 0:gjs 0:gkj 0:h5j 0:h7j 0:hkb 0:hky 0:hl6 0:hlh 0:hlz 0:ho3 0:i1c
        0:i2o 0:i60 0:i6n 0:i76 0:i7s 0:i9a 0:i9d 0:ijf 0:ijp 0:ik1 0:ike 0:inm 0:inu 0:inz 0:ir8 0:iri 0:irv 0:is3
        0:its 0:iu9 0:iur 0:iwz 0:jd4 0:jee 0:jez 0:jzj 0:jzo 0:k1z 0:k2f 0:k2s 0:k3d 0:k4g 0:k4l 0:kc0 0:kco 0:kdk
        0:l5s 0:l7m 0:l89 0:l9v 0:laj 0:las 0:laz 0:lcf 0:lck 0:ldg 0:m7f 0:mju 0:mk6 0:mkb 0:mkf 0:mkn 0:ml5 0:ml7
        0:mng 0:mtg 0:mtl 0:n30 0:n3a 0:n4o 0:n4v 0:n54 0:n5c 0:n7v 0:n82 0:nee 0:nel 0:nfy 0:ngf 0:nhq 0:nob 0:noi
        0:noz 0:ny2 0:o1k 0:o1q 0:o6s 0:o97 0:oah 0:okz 0:ooo 0:p4m 0:p5d 0:p6y 0:p8d 0:pa9 0:pak 0:paq 0:pbn 0:pdr
        0:pe1 0:pnn 0:pnu 0:po3 0:poc 0:pos 0:pp7 0:ppb 0:pri 0:prm 0:prs 0:qj1 0:qjv 0:qww 0:qx8 0:qxv 0:r5q 0:r63
        0:r82 0:r9c 0:rp3 0:rpi 0:rpx 0:rqw 0:rrx 0:rxg 0:rxs 0:rzn 0:s6j 0:s7e 0:sd7 0:sds 0:sdx 0:sk1 0:sp5 0:ssm
        0:sss 0:ssx 0:tiv 0:tj4 0:tng 0:trq 0:trt 0:tt4 0:tw1 0:twe 0:twi 0:twp 0:tzf 0:u0d 0:u0j 0:u0x 0:u5k 0:u6z
        0:u73 0:uc6 0:uc9 0:ucs 0:ujs 0:ul4 0:ulb 0:un9 0:unj 0:unm 0:unw 0:uoq 0:uzp 0:vat 0:vb3 0:vc5 0:vcr 0:vcz
        0:vd9 0:vdd 0:veh 0:vel 0:vf2 0:vf7 0:vfk 0:vgb 0:vgq 0:vgy 0:vil 0:vj0 0:vj4 16:w 1h:9hu 1:gg1 0:gg4*2
        h:9jf.9ll 1:9jh.9ll 1:9jj.9ll 1:9jl.9ll 1:9jn.9ll 1:9jp.9ll 1:9jr.9ll 1:9jt.9ll 1:9jv.9ll 1:9jx.9ll 1:9jz.9ll
        1:9k1.9ll 2:9k4.9ll 1:9k6.9ll 1:9k8.9ll 6:9kf.9ll 0:9kf.9lm 1:9ki.9ll 0:9ki.9lm 1:9kl.9ll 0:9kl.9lm 1:9ko.9ll
        0:9ko.9lm 1:9kr.9ll 0:9kr.9lm m:9ja.9ll 6:w.9ll 0:w.9lm 1:9lp.9ll 0:9l4.9l6 c:9m3.9ll 1:9m5.9ll 1:9m7.9ll
        1:9m9.9ll 1:9mb.9ll 1:9md.9ll 1:9mf.9ll 1:9mh.9ll 1:9mj.9ll 1:9ml.9ll 1:9mn.9ll 1:9mp.9ll 2:9ms.9ll 1:9mu.9ll
        1:9mw.9ll 6:9n3.9ll 0:9n3.9lm 1:9n6.9ll 0:9n6.9lm 1:9n9.9ll 0:9n9.9lm 1:9nc.9ll 0:9nc.9lm 1:9nf.9ll 0:9nf.9lm
        m:9ly.9ll 2:9nz.9ll 0:9o0.9ll 0:9o1.9ll 0:9o2.9ll 3:9od.9ll 0:9mb.9mw 1d:3cw*2 0:3hm 0:3cy 0:3ho*2 0:3cz*3
        0:3hs*6 0:3dm 0:3d2*3 0:3dt 0:3d5*a 0:3fl*l 0:3fk 0:3dg*2 0:3if*2 0:3ik 0:3im 0:3ir 0:3iv 0:3ix 0:3do 0:3j1
        0:3j3 0:3dp*2 0:3ds 0:3du*2 0:3dz 0:3e1 0:3e3*5 0:3ea 0:3ee 0:3eo 0:3ev 0:3f0 0:3jl*2 0:3fb*3 0:3gk*2 0:3go
        0:3gx*2 0:3h0 0:3ha 0:3hd 3:feo 0:fik 0:fex 0:h5n 0:fey 0:ffx 0:fez 0:n5e 0:fh5 0:ffd 0:fep 0:hm1 0:h80 0:fju
        2o:14.3cw.15 0:14.3cy.15 0:14.3cz.15 0:14.3d1.15 0:14.3d2.15 0:14.3d3.15 0:14.3d5.15 0:14.3d7.15 0:14.3d8.15
        0:14.3da.15 0:14.3db.15 0:14.3dc.15 0:14.3dd.15 0:14.3de.15 0:14.3cw.3fl.15 0:14.3cy.3fl.15 0:14.3cz.3fl.15
        0:14.3d1.3fl.15 0:14.3d2.3fl.15 0:14.3d3.3fl.15 0:14.3d5.3fl.15 0:14.3d7.3fl.15 0:14.3d8.3fl.15 0:14.3da.3fl.15
        0:14.3db.3fl.15 0:14.3dc.3fl.15 0:14.3dd.3fl.15 0:14.3de.3fl.15 0:14.3d8.3fy.15 3:14.feo.15 0:14.fik.15
        0:14.fex.15 0:14.h5n.15 0:14.fis.15 0:14.g31.15 0:14.fer.15 0:14.g2z.15 0:14.fh9.15 0:14.gg1.15 0:14.kco.15
        0:14.m7f.15 0:14.ldg.15 0:14.kdk.15 0:14.ssx.15 0:14.h7j.15 0:14.k4l.15 0:14.kkq.15 0:14.kcp.15 0:14.ny6.15
        0:14.glp.15 0:14.mm1.15 0:14.rs1.15 0:14.nz1.15 0:14.gc4.15 0:14.fkz.15 0:14.gos.15 0:14.i1y.15 0:14.nhf.15
        0:14.flt.15 0:14.rt3.15 0:14.ggk.15 0:14.nzh.15 0:14.fm9.15 0:14.pnu.15 0:14.po3.15 d:1e.1d 0:1e.1e 0:1e.1f
        0:1e.1g 0:1e.1h 0:1e.1i 0:1e.1j 0:1e.1k 0:1e.1l 0:1f.1c 0:1f.1d 0:1f.1e 0:1f.1f 0:1f.1g 0:1f.1h 0:3cw 0:3cy*2
        0:3d1*3 0:3d5 0:3d7*2 0:3da*5 0:3cw.3fl 0:3cy.3fl 0:3cz.3fl 0:3d1.3fl 0:3d2.3fl 0:3d3.3fl 0:3d5.3fl 0:3d7.3fl
        0:3d8.3fl 0:3da.3fl 0:3db.3fl 0:3dc.3fl 0:3dd.3fl 0:3de.3fl 4:feo 0:fik 0:fex 0:h5n 0:fis 0:g31 0:fer 0:g2z
        0:fh9 0:gg1 0:kco 0:m7f 0:ldg 0:kdk 0:ssx 0:h7j 0:k4l 0:kkq 0:kcp 0:ny6 0:glp 0:mm1 0:rs1 0:nz1 0:gc4 0:o2g
        0:n5j 0:ho3 0:six 0:g16 0:ghc 0:lig 0:u11 0:fm9 0:g49 0:l7n 0:fey 0:ffx 0:fez 0:ijq 0:gkz 0:gfv 0:i3b 0:i1y
        0:nhf 0:flt 0:rt3 0:ggk 0:hlo 0:1f.1i 0:1f.1j 0:1f.1k 0:1f.1l 0:1g.1c 0:1g.1d 0:1g.1e 0:1g.1f 0:1g.1g 0:1g.1h
        0:1g.1i 0:1g.1j 0:1g.1k 0:1g.1l 0:1h.1c 0:1d.kco 0:1e.kco 0:1f.kco 0:1g.kco 0:1h.kco 0:1i.kco 0:1j.kco 0:1k.kco
        0:1l.kco 0:1d.1c.kco 0:1d.1d.kco 0:1d.1e.kco 4:9lu 0:9lw 0:9ly 0:9m0 0:9m2*2 0:9m5 0:9m7 0:9m9 0:9mb 0:9md
        0:9mf 0:9mh 0:9mj 0:9ml 0:9mn 0:9mp 0:9ms 0:9mu 0:9mw 0:9my*6 0:9n6 0:9n9 0:9nc 0:9nf 0:9ni*5 0:9no 0:9nq
        0:9ns*6 0:9nz*4 1:9lu.9n3.9lm.9oc.9mw 0:9lu.9nv.9n9.9lt 0:9lu.9o3.9nc.9lm.9lu 0:9lu.9oc.9nv
        0:9lw.9mz.9o3.9m7.9ll 0:9lw.9o3.9mp 0:9ly.9m1.9o3 0:9m0.9mh.9m7.9oc.9mw.9ll 0:9m0.9oc.9m3.9oc 0:9m2.9o3.9mh
        0:9m2.9oc.9nk 0:9m3.9lw.9nu 0:9m3.9nt.9mr.9mw 0:9m3.9nx.9nu.9oc 0:9m3.9ll.9nx.9o3 0:9m3.9ll.9o3.9ni
        0:9m5.9ll.9m3.9ll 0:9m5.9ll.9mz.9oc 0:9m5.9np.9nu.9oc 0:9m5.9ll.9nv.9mn.9ll.9oc 0:9m5.9nx
        0:9m5.9nx.9m7.9ll.9nt.9nk 0:9m5.9nx.9nl.9oc.9mw.9nv 0:9m5.9nx.9nz.9mr.9mw 0:9m7.9ll.9nt.9nk
        0:9m7.9ll.9nt.9nk.9mw.9o3 0:9m7.9nv.9mj.9ll.9lw.9nx 0:9m7.9nx.9oc.9n1 0:9m9.9oc.9mh 0:9mb.9nv.9my
        0:9mb.9oc.9nf.9lm 0:9md.9lw.9m7.9nv 0:9md.9o3.9mp.9oc.9nk 0:9mf.9nu.9o3.9m7.9ll 0:9mj.9o3.9mp 0:9mj.9o3.9mw
        0:9mn.9ll.9oc.9mh 0:9mu.9ll.9mf 0:9mw.9ll.9nv 0:9mw.9o3 0:9my.9n2 0:9n2.9mr.9mw 0:9n3.9lw.9ms
        0:9n3.9lm.9oc.9mj.9o3.9mw 0:9n3.9lm.9oc.9ms 0:9n3.9ll.9oc.9nw.9nv 0:9n6.9lm.9lu.9mh.9mw.9nv 0:9n6.9lm.9m7.9nv
        0:9n6.9lm.9mb 0:9n6.9ll.9nv 0:9n9.9lt.9nt.9mr.9mw.9ll 0:9n9.9lv.9oc.9mw 0:9n9.9ll.9mr.9mf.9lz.9nv 0:9n9.9nt.9o3
        0:9nc.9m7.9mn.9oc.9nv 0:9nc.9lm.9ml 0:9nc.9lm.9mz.9n6 0:9nc.9nv.9ms 0:9nc.9lm.9o3.9mh 0:9nc.9lm.9oc.9mf.9ll
        0:9nc.9ll.9oc.9mn 0:9nf.9lm.9lw.9o3.9mw 0:9nf.9ll.9nv.9mw 0:9nf.9o3 0:9nf.9lm.9o3.9mw.9ll 0:9nf.9oc.9nv
        0:9nf.9oc.9o3 0:9ni.9lw.9m7.9nx 0:9ni.9lw.9nv 0:9ni.9mr.9n3 0:9ni.9nv.9m7 0:9ni.9o3.9mf.9nr.9o3
        0:9nj.9m7.9nx.9o3 0:9nj.9nu 0:9nj.9nu.9n3.9ll.9oc.9nv 0:9nl.9m3.9ll 0:9nl.9m3.9ll.9mw.9o3 0:9nl.9oc.9mw.9nv
        0:9no.9oc.9mw.9ll 0:9no.9oc.9nv 0:9nq.9lu.9o3 0:9nu.9mr.9mw.9nv 0:9nu.9nt 0:9nv.9n6.9lm.9oc
        0:9nv.9oc.9n9.9ll.9nv 0:9nw.9nk 0:9nw.9o3.9mw.9m9.9ll.9o3 0:9nz.9mr.9mw 0:1c.m9l 0:1d.m9l 0:1e.m9l 0:1f.m9l
        0:1g.m9l 0:1h.m9l 0:1i.m9l 0:1j.m9l 0:1k.m9l 0:1l.m9l 0:1d.1c.m9l 0:1d.1d.m9l 0:1d.1e.m9l 0:1d.1f.m9l
        0:1d.1g.m9l 0:1d.1h.m9l 0:1d.1i.m9l 0:1d.1j.m9l 0:1d.1k.m9l 0:1d.1l.m9l 0:1e.1c.m9l 0:1e.1d.m9l 0:1e.1e.m9l
        0:1e.1f.m9l 0:1e.1g.m9l 0:2w.28.2p 0:2s.2p 0:1t.2d 0:2q.2p.36 0:33.2e 0:34.2r 4:inn.jdc 0:k6l.gp8 0:hlz.l7n
        0:k5q.lh7 0:kkq.irz.fmi.ny6 0:34.1t 0:32.1t 0:qk.1t 0:31.1t 0:2z.1t 0:23.1u 0:25.1u 0:1z.1u 0:2r.2p.30
        0:2z.2r.2p.30 0:34.1y 0:32.1y 0:qk.1y 0:qk.2v 0:31.2v 0:2z.2v 0:20.3e 0:2z.20.3e 0:25.20.3e 0:1z.20.3e
        0:2c.20.3e 0:qk.30 0:31.30 0:2s.30 0:2z.30 0:2u.31 0:32.31 0:qk.31 0:31.31 0:2r.31 0:2z.31 0:31.31.1e
        0:2r.31.1e 0:31.1e 0:2z.31.1e 0:31.31.1f 0:2r.31.1f 0:31.1f 0:2z.31.1f 0:31.6qd.37 0:31.6qd.37.1e 0:28.2p
        0:2z.28.2p 0:25.28.2p 0:1z.28.2p 0:36.2p.2s 0:36.2p.2s.6qd.37 0:36.2p.2s.6qd.37.1e 0:34.37 0:32.37 0:qk.37
        0:31.37 0:34.2e 0:32.2e 0:qk.2e 0:31.2e 0:2z.2e 0:25.2e 0:34.2f 0:32.2f 0:qk.2f 0:31.2f 0:2z.2f 0:25.2f 0:2z.q1
        0:25.q1 0:2p.1a.31.1a 0:1u.35 0:2r.2r 0:2r.2s 0:1v.6qd.2z.2v 0:1v.33.1a 0:2s.1u 0:1z.3d 0:2w.2p 0:20.28 0:2x.32
        0:23.23 0:23.25 0:2z.38 0:30.31 0:30.32 0:30.33.2v 0:30.3c 0:31.2q 0:31.2x.30 0:31.33.30 0:28.20 0:34.1a.31.1a
        0:28.28.25 0:28.2a 0:37.36 0:2b.3a 0:2f.2q 2:1d.k4l 0:1e.k4l 0:1f.k4l 0:1g.k4l 0:1h.k4l 0:1i.k4l 0:1j.k4l
        0:1k.k4l 0:1l.k4l 0:1d.1c.k4l 0:1d.1d.k4l 0:1d.1e.k4l 0:1d.1f.k4l 0:1d.1g.k4l 0:1d.1h.k4l 0:1d.1i.k4l
        0:1d.1j.k4l 0:1d.1k.k4l 0:1d.1l.k4l 0:1e.1c.k4l 0:1e.1d.k4l 0:1e.1e.k4l 0:1e.1f.k4l 0:1e.1g.k4l 0:1e.1h.k4l
        0:1e.1i.k4l 0:1e.1j.k4l 0:1e.1k.k4l 0:1e.1l.k4l 0:1f.1c.k4l 0:1f.1d.k4l 12wx:rpk 0:kc4 0:s7e 0:rt4 0:lw1 0:fg2
        0:gkl 0:vj0 0:vj0 0:hn5 0:ssx 0:gw7 0:hmw 0:jcm 0:ne1 0:p6t 0:qin 0:qt6 0:r20 0:sjz 0:kxu 0:ljv 0:mah 0:mvy
        0:q4d 0:sq2 0:uep 0:fia 0:ghh 0:l50 0:mjf 0:qi5 0:v8e 0:ifk 0:m3v 0:qfh 0:r50 0:jih 0:pnc 0:qvz 0:iq2 0:kd3
        0:lm2 0:mpo 0:slq 0:fpi 0:g53 0:gda 0:jwk 0:l3n 0:mj4 0:nhj 0:pa9 0:qh2 0:qjg 0:s1b 0:tv6 0:upb 0:v7e 0:nt8
        0:nzz 0:otc 0:q15 0:t1g 0:vb3 0:rfa 0:hjz 0:iro 0:okg 0:pdq 0:mle 0:nuy 0:rsy 0:ttj 0:hjs 0:i8y 0:kyb 0:lp6
        0:lxr 0:oq7 0:oxj 0:tor 0:gcy 0:pe3 0:g64 0:g5o 0:o4c 0:ou6 0:q29 0:tpx 0:rk0 0:jin 0:kxu 0:rge 0:fg9 0:i5j
        0:iz6 0:mtj 0:n74 0:gev 0:nwb 0:fr3 0:iw9 0:ff1 0:lho 0:k1k 0:opu 0:gjn 0:hge 0:ni9 0:q4p 0:re2 0:la2 0:sds
        0:lfs 0:jjy 0:put 0:jog 0:n6t 0:fji 0:g2x 0:g5l 0:kn5 0:oo7 0:prj 0:rf6 0:ssv 0:gdx 0:gn6 0:ho3 0:ir0 0:k3p
        0:m4e 0:nxm 0:tkd 0:ui2 0:vbr 0:vda 0:gbf 0:kau 0:l87 0:sbm 0:ino 0:j9s 0:jcw 0:jve 0:lyb 0:mdl 0:n0p 0:o22
        0:ovo 0:pdb 0:s9y 0:q9a 0:sgz 0:t3e 0:g7r 0:gbn 0:gql 0:ma0 0:r0i 0:re2 0:iq1 0:iyd 0:jnf 0:l9q 0:oji 0:mt1
        0:fl0 0:h6h 0:i5j 0:iii 0:izg 0:muq 0:mzt 0:p7e 0:pc6 0:svo 0:tti 0:tvs 0:u1k 0:fpn 0:o1a 0:ss4 0:trs 0:j4x
        0:fie 0:fyy 0:i5q 0:i7z 0:k2h 0:kxu 0:mha 0:ncy 0:q9o 0:sjg 0:vil 0:k94 0:tny 0:gax 0:kfv 0:kj7 0:lkx 0:luk
        0:mx5 0:n6h 0:nsb 0:opc 0:u3i 0:g31 0:je6 0:tq0 0:fu3 0:ie1 0:lpm 0:sa2 0:ivf 0:j7o 0:kk7 0:mtj 0:tqe 0:g89
        0:glr 0:i91 0:k5v 0:kem 0:ko8 0:lid 0:mx2 0:naa 0:p6h 0:r0v 0:r1d 0:sss 0:tsy 0:gfz 0:lve 0:gm5 0:mhc 0:n14
        0:qgq 0:tr7 0:uvr 0:vbz 0:kgn 0:lor 0:pns 0:o97 0:obk 0:olu 0:mo0 0:m8p 0:riw 0:fk0 0:px2 0:g8q 0:g7b 0:ip2
        0:jir 0:onq 0:i2t 0:ljy 0:kac 0:saj 0:qx8 0:tot 0:r63 0:iqb 0:g1s 0:gxs 2:hga 1:k8k 2:g66 0:mqy 0:ngq 0:ny4
        0:nz2 0:nz9 0:o0f 0:tw6 0:on2 0:p8d 1:qhe 1:rg8 2:shk 0:sn1 3:u7j 0:u7w 0:u94 0:v5g 2:fqm 0:fzb 0:g25 0:gcp
        0:gdg 0:ggh 0:gwt 0:gzq 0:h2g 0:hfk 0:hig 0:i90 0:i9a 0:j2s 0:j8o 0:j9q 0:jci 0:k0f 0:k4i 0:k9d 0:kn9 0:lmf
        0:lqy 0:lya 0:mem 0:mjv 0:mxu 0:ntd 0:ny6 0:nyh 0:nyg 0:nyo 0:nyu 0:nz1 0:o0d*2 0:o5c 0:o75 0:og0 0:ovo 0:ow9
        0:oxt 0:p6a 0:pad 0:pnx 0:prt 0:prt 0:q53 0:r2o 0:r6e 0:rgh 0:ri1 0:rtf 0:ruw 0:sdy 0:shk 0:tsz 0:u0v 0:u2j
        45:2u.2u 0:2u.2x 0:2u.30 0:2u.2u.2x 0:2u.2u.30 0:37.38 0:37.38 c:12s.12u 0:12s.12d 0:12s.12j 0:132.12u
        0:12s.12l 5:15l.14k 1:16a.14n 0:15u 0:15c 0:15f*2 0:15n*3 0:160 0:162 0:17 0:161.14x 0:161.14y 0:161.14s.14x
        0:161.14s.14y 0:15c.14n 0:15c.14o 0:15c.14s 0:15d.14s 0:15e.14s 0:15f.14s 0:15g.14s 0:15h.14s 0:15i.14s
        1:15k.14s 0:15l.14s 0:15m.14s 0:15n.14s 0:15o.14s 1:15q.14s 1:15s.14s 0:15t.14s 1:15v.14s 0:15w.14s 1:15y.14s
        0:15z.14s 0:160.14s 0:161.14s 0:162.14s 0:15h.14p 0:15d.14v 0:15n.14v 0:15w.14v 0:15c.15o 0:19t 0:19t 0:1a3
        0:1a3 0:1a3 0:1a3 0:1a6 0:1a6 0:1a6 0:1a6 0:1a8 0:1a8 0:1a8 0:1a8 0:1a2 0:1a2 0:1a2 0:1a2 0:1a7 0:1a7 0:1a7
        0:1a7 0:1a1 0:1a1 0:1a1 0:1a1 0:1b8 0:1b8 0:1b8 0:1b8 0:1ba 0:1ba 0:1ba 0:1ba 0:1ac 0:1ac 0:1ac 0:1ac 0:1ab
        0:1ab 0:1ab 0:1ab 0:1ae 0:1ae 0:1ae 0:1ae*2 0:1af 0:1af 0:1af 0:1al 0:1al 0:1ak 0:1ak 0:1am 0:1am 0:1ag 0:1ag
        0:1aw 0:1aw 0:1ap 0:1ap 0:1bd 0:1bd 0:1bd 0:1bd 0:1bj 0:1bj 0:1bj 0:1bj 0:1bn 0:1bn 0:1bn 0:1bn 0:1bl 0:1bl
        0:1bl 0:1bl 0:1bu 0:1bu*2 0:1bv 0:1bv 0:1bv 0:1cl.190 0:1cl.190 0:1c1 0:1c1 0:1c1 0:1c1 0:1by 0:1by 0:1by 0:1by
        0:1ci 0:1ci 0:1ci.190 0:1ci.190 x:1bh 0:1bh 0:1bh 0:1bh 0:1c7 0:1c7 0:1c6 0:1c6 0:1c8 0:1c8 0:1c7.19w 0:1cb
        0:1cb 0:1c5 0:1c5 0:1c9 0:1c9 0:1cg 0:1cg 0:1cg 0:1cg 0:18p 0:18p 0:18q.190.17r 0:18q.190.17r 0:18q.190.1cl
        0:18q.190.1cl 0:18q.190.18o 0:18q.190.18o 0:18q.190.1c7 0:18q.190.1c7 0:18q.190.1c6 0:18q.190.1c6 0:18q.190.1c8
        0:18q.190.1c8 0:18q.190.1cg 0:18q.190.1cg 0:18q.190.1cg 0:18q.190.18p 0:18q.190.18p 0:18q.190.18p 0:1cc 0:1cc
        0:1cc 0:1cc 0:18q.190.17w 0:18q.190.17x 0:18q.190.18l 0:18q.190.18p 0:18q.190.18q 0:17s.17w 0:17s.17x 0:17s.17y
        0:17s.18l 0:17s.18p 0:17s.18q 0:17u.17w 0:17u.17x 0:17u.17y 0:17u.18l 0:17u.18p 0:17u.18q 0:17v.17w 0:17v.18l
        0:17v.18p 0:17v.18q 0:17w.17x 0:17w.18l 0:17x.17w 0:17x.18l 0:17y.17w 0:17y.17x 0:17y.18l 0:183.17w 0:183.17x
        0:183.17y 0:183.18l 0:185.17x 0:185.18l 0:186.17w 0:186.17x 0:186.17y 0:186.18l 0:187.17x 0:187.18l 0:188.18l
        0:189.17w 0:189.18l 0:18a.17w 0:18a.18l 0:18h.17w 0:18h.17x 0:18h.17y 0:18h.18l 0:18h.18p 0:18h.18q 0:18i.17x
        0:18i.18l 0:18i.18p 0:18i.18q 0:18j.17r 0:18j.17w 0:18j.17x 0:18j.17y 0:18j.18k 0:18j.18l 0:18j.18p 0:18j.18q
        0:18k.17w 0:18k.17x 0:18k.17y 0:18k.18l 0:18k.18p 0:18k.18q 0:18l.17w 0:18l.17x 0:18l.17y 0:18l.18l 0:18l.18p
        0:18l.18q 0:18m.17w 0:18m.17x 0:18m.17y 0:18m.18l 0:18m.18p 0:18m.18q 0:18n.17w 0:18n.18l 0:18n.18p 0:18n.18q
        0:18q.17w 0:18q.17x 0:18q.17y 0:18q.18l 0:18q.18p 0:18q.18q 0:180.19s 0:181.19s 0:18p.19s 0:w.18s.18x
        0:w.18t.18x 0:w.18u.18x 0:w.18v.18x 0:w.18w.18x 0:w.18x.19s 0:18q.190.181 0:18q.190.182 0:18q.190.18l
        0:18q.190.18m 0:18q.190.18p 0:18q.190.18q 0:17s.181 0:17s.182 0:17s.18l 0:17s.18m 0:17s.18p 0:17s.18q 0:17u.181
        0:17u.182 0:17u.18l 0:17u.18m 0:17u.18p 0:17u.18q 0:17v.181 0:17v.182 0:17v.18l 0:17v.18m 0:17v.18p 0:17v.18q
        0:18h.18p 0:18h.18q 0:18i.18p 0:18i.18q 0:18j.17r 0:18j.18k 0:18j.18l 0:18j.18p 0:18j.18q 0:18k.18l 0:18k.18p
        0:18k.18q 0:18l.17r 0:18l.18l 0:18m.181 0:18m.182 0:18m.18l 0:18m.18m 0:18m.18p 0:18m.18q 0:18p.19s 0:18q.181
        0:18q.182 0:18q.18l 0:18q.18m 0:18q.18p 0:18q.18q 0:18q.190.17w 0:18q.190.17x 0:18q.190.17y 0:18q.190.18l
        0:18q.190.18n 0:17s.17w 0:17s.17x 0:17s.17y 0:17s.18l 0:17s.18n 0:17u.17w 0:17u.17x 0:17u.17y 0:17u.18l
        0:17u.18n 0:17v.18l 0:17w.17x 0:17w.18l 0:17x.17w 0:17x.18l 0:17y.17w 0:17y.18l 0:183.17w 0:183.17x 0:183.17y
        0:183.18l 0:185.17x 0:185.17y 0:185.18l 0:186.17w 0:186.17x 0:186.17y 0:186.18l 0:187.17x 0:188.18l 0:189.17w
        0:189.18l 0:18a.17w 0:18a.18l 0:18h.17w 0:18h.17x 0:18h.17y 0:18h.18l 0:18i.17x 0:18i.18l 0:18j.17w 0:18j.17x
        0:18j.17y 0:18j.18k 0:18j.18l 0:18k.17w 0:18k.17x 0:18k.17y 0:18k.18l 0:18k.18n 0:18l.17w 0:18l.17x 0:18l.17y
        0:18l.18l 0:18m.17w 0:18m.17x 0:18m.17y 0:18m.18l 0:18m.18n 0:18n.17w 0:18n.18l 0:18n.19s 0:18q.17w 0:18q.17x
        0:18q.17y 0:18q.18l 0:18q.18n 0:18q.190.18l 0:18q.190.18n 0:17s.18l 0:17s.18n 0:17u.18l 0:17u.18n 0:17v.18l
        0:17v.18n 0:183.18l 0:183.18n 0:184.18l 0:184.18n 0:18j.18k 0:18j.18l 0:18k.18l 0:18m.18l 0:18m.18n 0:18q.18l
        0:18q.18n 0:18g.18u.18x 0:18g.18v.18x 0:18g.18w.18x 0:187.18p 0:187.18q 0:189.18p 0:189.18q 0:18a.18p 0:18a.18q
        0:183.18p 0:183.18q 0:184.18p 0:184.18q 0:17x.18p 0:17x.18q 0:17w.18p 0:17w.18q 0:17y.18p 0:17y.18q 0:185.18p
        0:185.18q 0:186.18p 0:186.18q 0:184.17w 0:184.17x 0:184.17y 0:184.18l 0:184.181 0:183.181 0:185.181 0:186.181
        0:187.18p 0:187.18q 0:189.18p 0:189.18q 0:18a.18p 0:18a.18q 0:183.18p 0:183.18q 0:184.18p 0:184.18q 0:17x.18p
        0:17x.18q 0:17w.18p 0:17w.18q 0:17y.18p 0:17y.18q 0:185.18p 0:185.18q 0:186.18p 0:186.18q 0:184.17w 0:184.17x
        0:184.17y 0:184.18l 0:184.181 0:183.181 0:185.181 0:186.181 0:184.17w 0:184.17x 0:184.17y 0:184.18l 0:183.18n
        0:184.18n 0:187.18l 0:183.17w 0:183.17x 0:183.17y 0:184.17w 0:184.17x 0:184.17y 0:187.18l 0:188.18l 0:17r.18r
        0:17r.18r i:17u.17w.18l 0:17u.17x.17w 0:17u.17x.17w 0:17u.17x.18l 0:17u.17y.18l 0:17u.18l.17w 0:17u.18l.17x
        0:17u.18l.17y 0:17w.18l.17x 0:17w.18l.17x 0:17x.18l.18q 0:17x.18l.18p 0:183.17x.17w 0:183.17w.17x 0:183.17w.18p
        0:183.18l.17x 0:183.18l.17x 0:183.18l.17w 0:183.18l.18l 0:183.18l.18l 0:185.17x.17x 0:185.17x.17x 0:185.18l.18l
        0:184.17x.18l 0:184.17x.18l 0:184.17w.18q 0:184.18l.17y 0:184.18l.17y 0:184.18l.18l 0:184.18l.18l 0:186.17x.18p
        0:186.17y.18l 0:186.17y.18l 0:187.18l.17x 0:187.18l.17x 0:187.18l.18l 0:187.18l.18q 0:189.17w.18l 0:189.18l.18l
        0:189.18l.18l 0:189.18l.18p 0:18a.18l.18l 0:18a.18l.18q 0:18a.18l.18p 0:18h.17y.18l 0:18h.17y.18l 0:18i.18l.17x
        0:18i.18l.18l 0:18k.17x.18l 0:18k.17x.18q 0:18k.17x.18p 0:18k.17w.17w 0:18k.17w.17w 0:18k.17y.18l 0:18k.17y.18l
        0:18k.18l.17x 0:18k.18l.17x 0:18l.17x.17w 0:18l.17x.18l 0:18l.17x.18q 0:18l.17w.17x 0:18l.17w.18l 0:18l.17y.17w
        0:18l.17y.18l 2:18l.17w.17y 0:18n.18l.17w 0:18n.18l.18l 0:18m.17x.18l 0:18m.17x.18p 0:18m.17w.18l 0:18m.17w.18l
        0:18m.17w.18p 0:18m.18l.18q 0:18m.18l.18p 0:18q.18l.18l 0:18q.18l.18l 0:17s.17y.18q 0:17u.17w.18q 0:17u.17w.18p
        0:17u.17y.18q 0:17u.17y.18p 0:17u.18l.18q 0:17u.18l.18p 0:17w.18l.18q 0:17w.17x.18p 0:17w.18l.18p 0:183.17y.18p
        0:185.17x.18q 0:184.17x.18q 0:186.17x.18q 0:18k.17w.18q 0:18k.18l.18q 0:18q.17x.18q 0:18q.17w.18q 0:18q.18l.18q
        0:18l.18l.18q 0:18i.18l.18q 0:18m.17x.18q 0:18i.18l.17x 0:18k.17x.18l 0:189.18l.18q 0:18j.18l.18q 0:18m.17w.17x
        0:18l.17y.18q 0:18k.17w.18l 0:18j.18l.18l 0:18k.17w.18l 0:18m.17w.17x 0:17w.17x.18q 0:17x.17w.18q 0:18l.17w.18q
        0:18h.18l.18q 0:17s.17x.18q 0:18j.18l.18l 0:189.17w.18l 0:185.18l.18l 0:183.17y.18q 0:18m.17w.18q
        14:185.18k.1ci 0:18i.18k.1ci 0:17r.18k.18k.18n 0:17r.18j.17s.181 0:18l.17x.18l.17z 0:185.18k.189.18l
        0:181.183.18o.18k 0:189.18k.18q.18n 0:18o.183.18k.18l 0:185.18k.18p
        0:185.18k.18p.w.17r.18k.18k.18n.w.189.18k.18q.18n.w.18o.183.18k.18l 0:17w.18k.w.17w.18k.17r.18k.18n
        0:181.1cc.17r.18k 1f:1a.1a 0:6c4 0:6c3 0:2n 0:2n 0:14*2 0:3f 0:3h 0:9hw*2 0:9hs*2 0:9hm*2 0:9hk*2 0:9ho*4
        4:w.lh 0:w.lh 0:w.lh 0:w.lh 0:2n 0:2n 0:2n 0:18 0:9hd 0:1a 1:1n 0:1m 0:1r 0:x 0:6c4 0:14*2 0:3f 0:3h 0:9hw*2
        0:z 0:12 0:16*2 0:19 0:1o 0:1q 0:1p 1:2k 0:10*2 0:1s 4:w.18r 0:18g.18r 0:w.18s 1:w.18t 1:w.18u 0:18g.18u
        0:w.18v 0:18g.18v 0:w.18w 0:18g.18w 0:w.18x 0:18g.18x 0:w.18y 0:18g.18y 0:17l 0:17r.18z 0:17r.18z 0:17r.190
        0:17r.190 0:18o.190 0:18o.190 0:17r.191 0:17r.191 0:18q.190 0:18q.190 0:18q.190 0:18q.190 0:17r 0:17r*2 0:17s
        0:17s 0:17s*2 0:17t*2 0:17u 0:17u 0:17u*2 0:17v 0:17v 0:17v*2 0:17w 0:17w 0:17w*2 0:17x 0:17x 0:17x*2 0:17y
        0:17y 0:17y*2 0:17z*2 0:180*2 0:181*2 0:182*2 0:183 0:183 0:183*2 0:184 0:184 0:184*2 0:185 0:185 0:185*2 0:186
        0:186 0:186*2 0:187 0:187 0:187*2 0:188 0:188 0:188*2 0:189 0:189 0:189*2 0:18a 0:18a 0:18a 0:18h 0:18h 0:18h
        0:18h*2 0:18i 0:18i 0:18i*2 0:18j 0:18j 0:18j*2 0:18k 0:18k 0:18k*2 0:18l 0:18l 0:18l*2 0:18m 0:18m 0:18m*2
        0:18n 0:18n 0:18n*2 0:18o*2 0:18p*2 0:18q 0:18q 0:18q 0:18k.17r.18z 0:18k.17r.18z 0:18k.17r.190 0:18k.17r.190
        0:18k.17r.191 0:18k.17r.191 0:18k.17r 0:18k.17r 4:x*2m 0:879*2 0:9he 0:9ho*2 0:9hd 0:9ob 0:9o2 0:9lt 0:9lv
        0:9lx 0:9lz 0:9m1 0:9nn 0:9np 0:9nr 0:9mr 0:9oc 0:9lu 0:9lw 0:9ly 0:9m0 0:9m2*2 0:9m5 0:9m7 0:9m9 0:9mb 0:9md
        0:9mf 0:9mh 0:9mj 0:9ml 0:9mn 0:9mp 0:9ms 0:9mu 0:9mw 0:9my*6 0:9n6 0:9n9 0:9nc 0:9nf 0:9ni*5 0:9no 0:9nq
        0:9ns*6 0:9nz 0:9o3 0:9ll*2 0:3fk 0:3cw*2 0:3hm 0:3cy 0:3ho*2 0:3cz*3 0:3hs*6 0:3dm 0:3d2*3 0:3dt 0:3d5*a
        3:3fl*6 2:3fr*6 2:3fx*6 2:3g3*3 3:4i*2 0:4s 0:w.lg 0:4m 0:4l 0:6g9 1:7b6 0:6mo*4 0:7fk 0:7gr 15db:2jx3.2jxh
        0:2jx4.2jxh 0:2jx4.2jxh.2jxq 0:2jx4.2jxh.2jxr 0:2jx4.2jxh.2jxs 0:2jx4.2jxh.2jxt 0:2jx4.2jxh.2jxu 2e:2jzt.2jxh
        0:2jzu.2jxh 0:2jzt.2jxh.2jxq 0:2jzu.2jxh.2jxq 0:2jzt.2jxh.2jxr 0:2jzu.2jxh.2jxr fz:1t*q 0:2p*q 0:1t*q 0:2p*7
        1:2x*i 0:1t*q 0:2p*q 0:1t 1:1v*2 2:1z 2:22*2 2:26*4 1:2b*8 0:2p*4 1:2u 1:2w*4 1:31*2 1:34*b 0:1t*q 0:2p*q
        0:1t*2 1:1w*4 2:22*8 1:2b*7 1:2p*q 0:1t*2 1:1w*4 1:21*5 1:27 3:2b*7 1:2p*q 0:1t*q 0:2p*q 0:1t*q 0:2p*q 0:1t*q
        0:2p*q 0:1t*q 0:2p*q 0:1t*q 0:2p*q 0:1t*q 0:2p*q 4:pd*h 0:pk 0:pv*7 0:6pz 0:q9*p 0:6pu 0:qd 0:qg 0:qi 0:qu 0:qp
        0:qo 0:pd*h 0:pk 0:pv*7 0:6pz 0:q9*p 0:6pu 0:qd 0:qg 0:qi 0:qu 0:qp 0:qo 0:pd*h 0:pk 0:pv*7 0:6pz 0:q9*p 0:6pu
        0:qd 0:qg 0:qi 0:qu 0:qp 0:qo 0:pd*h 0:pk 0:pv*7 0:6pz 0:q9*p 0:6pu 0:qd 0:qg 0:qi 0:qu 0:qp 0:qo 0:pd*h 0:pk
        0:pv*7 0:6pz 0:q9*p 0:6pu 0:qd 0:qg 0:qi 0:qu 0:qp 0:qo 4:1c*a 0:1c*a 0:1c*a 0:1c*a 0:1c*a 1kw0:fgd 0:fg8 0:fgh
        0:2tcy 0:fog 0:fqm 0:fqz 0:fsy 0:fwa 0:fx5 0:fzb 0:fyn 0:ae6 0:2ud6 0:g25 0:g2c 0:g2s 0:g3b 0:2u58 0:aex 0:g2v
        0:g3x 0:2u6j 0:g47 0:g4k 0:fkc 0:g4s 0:g51 0:3ly7 0:g6t 0:g77 0:afz 0:g8r 0:g92 0:gaa 0:gaf 0:ahh 0:gcn 0:gcp
        0:gdg 0:ge2 0:ged*2 0:gev 0:gg9 0:ggh 0:ggq 0:ghf 0:ghp 0:ghr 0:ghr 0:ghr 0:2v58 0:m7k 0:gju 0:gkf 0:2vdv 0:gkr
        0:gkx 0:gli 0:gpq 0:gmw 0:gnc 0:go8 0:gpu 0:gs6 0:gsw 0:gur 0:gv7 0:gw4 0:gw4 0:gwp 0:gx7 0:gxf 0:gxu 0:h7a
        0:gzq 0:h7b 0:h1t 0:h2s 0:g7b 0:hke 0:hce 0:hdg 0:he5 0:haj 0:hf6 0:hf5 0:hik 0:2x9g 0:hki 0:hkn 0:hl2 0:hlm
        0:hlu 0:hnm 0:2xm0 0:2xnu 0:hrg 0:hsr 0:ht3 0:hqw 0:huu 0:aum 0:2wyy 0:hzc 0:i0u 0:i0u 0:2y88 0:i4j 0:i54 0:i5j
        0:i5v 0:2yhk 0:i67 0:i6e 0:isz 0:i76 0:ayp 0:i8w 0:i9a 0:ibk 0:ia5 0:2z1g 0:if7 0:2z1i 0:ige 0:igb 0:igs
        0:ijl*2 0:b3j 0:ikd 0:ilk 0:im5 0:ind 0:b4y 0:2zr7 0:b5o 0:ipc 0:ipf 0:ipi 0:iq2 0:3pg2 0:iri 0:3035 0:3035
        0:poh 0:isi 0:isi 0:b7r 0:335k 0:3cgq 0:iua 0:iuj 0:b8j 0:ivu 0:ix9 0:ixj 0:iyh 0:j29 0:bay 0:ba4 0:j2s 0:30t0
        0:j47 0:j7s 0:j7w 0:j7y 0:j7w 0:j96 0:j9q 0:jaq 0:jac 0:jan 0:jby 0:jci 0:jcm 0:jdc 0:jdn 0:jfh 0:jht 0:jis
        0:jm8 0:31n0 0:jlp 0:jjw 0:jmw 0:jnn 0:jqc 0:31td 0:js2 0:jph 0:jop 0:bhq 0:ju1 0:jum 0:jvh 0:juf 0:bjg 0:k0f
        0:k18 0:32mi 0:k4j 0:kc8 0:k7d 0:bo9 0:k9d 0:bns 0:bms 0:g42 0:g45 0:kcg 0:k9o 0:pf1 0:deh 0:kd3 0:kd7 0:kdd
        0:kf2 0:ker 0:33cz 0:bpl 0:kje 0:kg5 0:klu 0:kn9 0:33hp 0:kni 0:kkf 0:kr8 0:brx 0:ksi 0:kv7 0:kx6 0:l2g 0:33xf
        0:l3v 0:bvc 0:l5t 0:34br 0:l78 0:bwu 0:l82 0:l9b 0:la2*2 0:34p9 0:2yvf 0:34sa 0:le6 0:354s 0:lhb 0:lhp 0:lev
        0:ljq 0:lku 0:lmf 0:lkx 0:lm1 0:lmg 0:lmt 0:357i 0:lkk 0:lrj 0:lta 0:c37 0:lvv 0:lvr 0:35jl 0:lq1 0:m0e 0:35ni
        0:35ou 0:m2u 0:m61 0:m5a 0:m57 0:c5y 0:m6i 0:m7x 0:m7r 0:m99 0:2u5h 0:mdh 0:368z 0:mfw 0:dd7 0:mjs 0:mk5 0:mkw
        0:36yw 0:mm8 0:mmt 0:3779 0:37dg 0:mt6 0:mtn 0:cdo 0:mud 0:ce0 0:ce0 0:myv 0:mzg 0:n01 0:n0l 0:n2i 0:cgr 0:n50
        0:386u 0:n5q 0:389e 0:n74 0:2zrz 0:nbk 0:38v5 0:38vs 0:38zo 0:cn0 0:cnc 0:nhw 0:394j 0:394i 0:395l 0:396b
        0:nj2*2 0:nj3 0:nka 0:cop 0:nm3 0:cp2 0:cra 0:39r1 0:nri 0:nt8 0:nv0 0:ctf 0:3a5i 0:nyu 0:3a8q 0:3a9x 0:o0f
        0:o2z 0:cvj 0:o5c 0:o5m 0:o5r 0:3at8 0:3b1j 0:3b1j 0:o8e 0:d1e 0:3b8r 0:og6 0:og9 0:d2f 0:3beo 0:onm 0:d5s
        0:oo8 0:oo3 0:oow 0:3c06 0:orn 0:d8h 0:ouf 0:ow2 0:oxx 0:d9w 0:3ciw 0:3cjr 0:dax 0:3cnt 0:p6i 0:3cqm 0:p79
        0:pa2 0:pad 0:3d22 0:3d43 0:pcw 0:3d7s 0:pdc 0:33a7 0:ded 0:pf6 0:phf 0:dfv 0:pj2 0:hx1 0:3dlz 0:3dmd 0:33bn
        0:33bw 0:poh 0:pok 0:sda 0:dij 0:psh 0:psb 0:pst 0:gc3 0:ptd 0:ptf 0:ptp 0:puu 0:3ebg 0:put 0:pwd 0:pyb 0:q0d
        0:pwj 0:q0t 0:q1z 0:q53 0:pxv 0:q16 0:q18 0:q1o 0:3eie 0:3eqz 0:3emt 0:dnv 0:q9d 0:q9f 0:qae 0:3g0a 0:qck
        0:3f3g 0:dp9 0:dpd 0:3f75 0:3ff6 0:dpn 0:qj4 0:qjg 0:qjr 0:qjt 0:qll 0:qko 0:qoe 0:qn6 0:qrd 0:qp4 0:qqz 0:qrq
        0:f9z 0:qu9 0:qv5 0:dtl 0:qxs 0:qxv 0:3giv 0:r13 0:r1a 0:dv9 0:r22 0:aez 0:3gz2 0:3h46 0:dz2 0:dzb 0:rds 0:rfx
        0:rka 0:rpx 0:3hrc 0:rsb 0:rsx 0:rvf 0:rxz 0:3i9b 0:2upw 0:s0b 0:rzw 0:s1c 0:2uvy 0:s7o 0:sag 0:3jki 0:3jl9
        0:sk4 0:smp 0:snl 0:3ju6 0:snv 0:svs 0:t07*2 0:sxo 0:t89 0:t91 0:3ksa 0:tjf 0:ej9 0:tkn 0:3l2v 0:eli 0:ts3
        0:iia 0:tur 0:3ltx 0:3lzu 0:epa 0:epi 0:u00 0:3mdm 0:er6 0:3mhi 0:u17 0:u17 0:u21 0:3mpi 0:u76 0:eur 0:u95
        0:ucn 0:ude 0:uf2 0:ez2 0:3nsg 0:umq 0:uv4 0:v0d 0:f66 0:f71 0:v3b 0:3owe 0:f7c 0:3oxx 0:3p5a 0:3p8x 0:vcr
        0:f9y 0:veh 0:vem 0:vet 0:vf3 0:vfa 0:vgb 0:3pxc
        """

    /// Pairs that are composed, but for Hangul.
    static let compositionText: StaticString = """
        5c:1t.lc 0:1t.ld 0:1t.le 0:1t.lf 0:1t.lk 0:1t.lm 1:1v.mf 0:1x.lc 0:1x.ld 0:1x.le 0:1x.lk 0:21.lc 0:21.ld
        0:21.le 0:21.lk 1:26.lf 0:27.lc 0:27.ld 0:27.le 0:27.lf 0:27.lk 2:2d.lc 0:2d.ld 0:2d.le 0:2d.lk 0:2h.ld 2:2p.lc
        0:2p.ld 0:2p.le 0:2p.lf 0:2p.lk 0:2p.lm 1:2r.mf 0:2t.lc 0:2t.ld 0:2t.le 0:2t.lk 0:2x.lc 0:2x.ld 0:2x.le 0:2x.lk
        1:32.lf 0:33.lc 0:33.ld 0:33.le 0:33.lf 0:33.lk 2:39.lc 0:39.ld 0:39.le 0:39.lk 0:3d.ld 1:3d.lk 0:1t.lg 0:2p.lg
        0:1t.li 0:2p.li 0:1t.mg 0:2p.mg 0:1v.ld 0:2r.ld 0:1v.le 0:2r.le 0:1v.lj 0:2r.lj 0:1v.lo 0:2r.lo 0:1w.lo 0:2s.lo
        2:1x.lg 0:2t.lg 0:1x.li 0:2t.li 0:1x.lj 0:2t.lj 0:1x.mg 0:2t.mg 0:1x.lo 0:2t.lo 0:1z.le 0:2v.le 0:1z.li 0:2v.li
        0:1z.lj 0:2v.lj 0:1z.mf 0:2v.mf 0:20.le 0:2w.le 2:21.lf 0:2x.lf 0:21.lg 0:2x.lg 0:21.li 0:2x.li 0:21.mg 0:2x.mg
        0:21.lj 3:22.le 0:2y.le 0:23.mf 0:2z.mf 1:24.ld 0:30.ld 0:24.mf 0:30.mf 0:24.lo 0:30.lo 4:26.ld 0:32.ld 0:26.mf
        0:32.mf 0:26.lo 0:32.lo 3:27.lg 0:33.lg 0:27.li 0:33.li 0:27.ln 0:33.ln 2:2a.ld 0:36.ld 0:2a.mf 0:36.mf 0:2a.lo
        0:36.lo 0:2b.ld 0:37.ld 0:2b.le 0:37.le 0:2b.mf 0:37.mf 0:2b.lo 0:37.lo 0:2c.mf 0:38.mf 0:2c.lo 0:38.lo 2:2d.lf
        0:39.lf 0:2d.lg 0:39.lg 0:2d.li 0:39.li 0:2d.lm 0:39.lm 0:2d.ln 0:39.ln 0:2d.mg 0:39.mg 0:2f.le 0:3b.le 0:2h.le
        0:3d.le 0:2h.lk 0:2i.ld 0:3e.ld 0:2i.lj 0:3e.lj 0:2i.lo 0:3e.lo x:27.m3 0:33.m3 d:2d.m3 0:39.m3 s:1t.lo 0:2p.lo
        0:21.lo 0:2x.lo 0:27.lo 0:33.lo 0:2d.lo 0:39.lo 0:64.lg 0:70.lg 0:64.ld 0:70.ld 0:64.lo 0:70.lo 0:64.lc 0:70.lc
        1:5g.lg 0:6c.lg 0:fa.lg 0:fb.lg 0:5i.lg 0:6e.lg 2:1z.lo 0:2v.lo 0:23.lo 0:2z.lo 0:27.mg 0:33.mg 0:dm.lg 0:dn.lg
        0:c7.lo 0:ia.lo 0:2y.lo 3:1z.ld 0:2v.ld 2:26.lc 0:32.lc 0:5h.ld 0:6d.ld 0:5i.ld 0:6e.ld 0:60.ld 0:6w.ld 0:1t.lr
        0:2p.lr 0:1t.lt 0:2p.lt 0:1x.lr 0:2t.lr 0:1x.lt 0:2t.lt 0:21.lr 0:2x.lr 0:21.lt 0:2x.lt 0:27.lr 0:33.lr 0:27.lt
        0:33.lt 0:2a.lr 0:36.lr 0:2a.lt 0:36.lt 0:2d.lr 0:39.lr 0:2d.lt 0:39.lt 0:2b.me 0:37.me 0:2c.me 0:38.me 2:20.lo
        0:2w.lo 6:1t.lj 0:2p.lj 0:1x.mf 0:2t.mf 0:5y.lg 0:6u.lg 0:5x.lg 0:6t.lg 0:27.lj 0:33.lj 0:fi.lg 0:fj.lg 0:2h.lg
        0:3d.lg 9d:4o.ld 0:pd.ld 1:ph.ld 0:pj.ld 0:pl.ld 1:pr.ld 1:px.ld 0:q1.ld 0:qy.ld p:pl.lk 0:px.lk 0:q9.ld
        0:qd.ld 0:qf.ld 0:qh.ld 0:qz.ld p:qh.lk 0:qt.lk 0:qn.ld 0:qt.ld 0:qx.ld 4:r6.ld 0:r6.lk 17:t1.lc 0:t1.lk
        1:sz.ld 3:sm.lk 4:t6.ld 0:t4.lc 0:tf.li a:t4.li v:u0.li m:tx.lc 0:tx.lk 1:tv.ld 3:uu.lk 4:u2.ld 0:u0.lc 0:ub.li
        n:vo.lr 0:vp.lr 21:t2.li 0:ty.li d:sw.li 0:ts.li 0:sw.lk 0:ts.lk 2:t1.li 0:tx.li 2:yg.lk 0:yh.lk 0:t2.lk
        0:ty.lk 0:t3.lk 0:tz.lk 2:t4.lg 0:u0.lg 0:t4.lk 0:u0.lk 0:ta.lk 0:u6.lk 2:yw.lk 0:yx.lk 0:tp.lk 0:ul.lk 0:tf.lg
        0:ub.lg 0:tf.lk 0:ub.lk 0:tf.ln 0:ub.ln 0:tj.lk 0:uf.lk 2:tn.lk 0:uj.lk 88:17r.18z 0:17r.190 0:18o.190
        0:17r.191 0:18q.190 49:1cl.190 1:1c1.190 g:1ci.190 gl:1t4.1to 7:1tc.1to 2:1tf.1to 46:1xj.1xa 0:1xj.1xz
        aj:287.28m 2:287.27y 0:287.28n 1z:2aa.2c7 1h:2bq.2bi 0:2br.2bi 0:2bq.2c7 3f:2fa.2fq 3b:2in.2j9 6:2iu.2j9
        0:2iu.2ja 1:2iu.2iq 0:2iy.2j9 3i:2me.2m6 0:2mf.2m6 0:2me.2mv 3x:2qh.2q2 1:2qh.2q7 0:2qk.2q2 0:2qh.2qn
        g7:36t.372 2qh:1t.md 0:2p.md 0:1u.lj 0:2q.lj 0:1u.mb 0:2q.mb 0:1u.mp 0:2q.mp 0:5j.ld 0:6f.ld 0:1w.lj 0:2s.lj
        0:1w.mb 0:2s.mb 0:1w.mp 0:2s.mp 0:1w.mf 0:2s.mf 0:1w.ml 0:2s.ml 0:7m.lc 0:7n.lc 0:7m.ld 0:7n.ld 0:1x.ml 0:2t.ml
        0:1x.mo 0:2t.mo 0:fc.li 0:fd.li 0:1y.lj 0:2u.lj 0:1z.lg 0:2v.lg 0:20.lj 0:2w.lj 0:20.mb 0:2w.mb 0:20.lk 0:2w.lk
        0:20.mf 0:2w.mf 0:20.mm 0:2w.mm 0:21.mo 0:2x.mo 0:5r.ld 0:6n.ld 0:23.ld 0:2z.ld 0:23.mb 0:2z.mb 0:23.mp 0:2z.mp
        0:24.mb 0:30.mb 0:5yu.lg 0:5yv.lg 0:24.mp 0:30.mp 0:24.ml 0:30.ml 0:25.ld 0:31.ld 0:25.lj 0:31.lj 0:25.mb
        0:31.mb 0:26.lj 0:32.lj 0:26.mb 0:32.mb 0:26.mp 0:32.mp 0:26.ml 0:32.ml 0:5x.ld 0:6t.ld 0:5x.lk 0:6t.lk 0:98.lc
        0:99.lc 0:98.ld 0:99.ld 0:28.ld 0:34.ld 0:28.lj 0:34.lj 0:2a.lj 0:36.lj 0:2a.mb 0:36.mb 0:5zu.lg 0:5zv.lg
        0:2a.mp 0:36.mp 0:2b.lj 0:37.lj 0:2b.mb 0:37.mb 0:9m.lj 0:9n.lj 0:9s.lj 0:9t.lj 0:602.lj 0:603.lj 0:2c.lj
        0:38.lj 0:2c.mb 0:38.mb 0:2c.mp 0:38.mp 0:2c.ml 0:38.ml 0:2d.mc 0:39.mc 0:2d.mo 0:39.mo 0:2d.ml 0:39.ml 0:a0.ld
        0:a1.ld 0:a2.lk 0:a3.lk 0:2e.lf 0:3a.lf 0:2e.mb 0:3a.mb 0:2f.lc 0:3b.lc 0:2f.ld 0:3b.ld 0:2f.lk 0:3b.lk 0:2f.lj
        0:3b.lj 0:2f.mb 0:3b.mb 0:2g.lj 0:3c.lj 0:2g.lk 0:3c.lk 0:2h.lj 0:3d.lj 0:2i.le 0:3e.le 0:2i.mb 0:3e.mb 0:2i.mp
        0:3e.mp 0:2w.mp 0:38.lk 0:3b.lm 0:3d.lm 1:an.lj 4:1t.mb 0:2p.mb 0:1t.ll 0:2p.ll 0:5e.ld 0:6a.ld 0:5e.lc 0:6a.lc
        0:5e.ll 0:6a.ll 0:5e.lf 0:6a.lf 0:61s.le 0:61t.le 0:76.ld 0:77.ld 0:76.lc 0:77.lc 0:76.ll 0:77.ll 0:76.lf
        0:77.lf 0:61s.li 0:61t.li 0:1x.mb 0:2t.mb 0:1x.ll 0:2t.ll 0:1x.lf 0:2t.lf 0:5m.ld 0:6i.ld 0:5m.lc 0:6i.lc
        0:5m.ll 0:6i.ll 0:5m.lf 0:6i.lf 0:62g.le 0:62h.le 0:21.ll 0:2x.ll 0:21.mb 0:2x.mb 0:27.mb 0:33.mb 0:27.ll
        0:33.ll 0:5w.ld 0:6s.ld 0:5w.lc 0:6s.lc 0:5w.ll 0:6s.ll 0:5w.lf 0:6s.lf 0:630.le 0:631.le 0:bk.ld 0:bl.ld
        0:bk.lc 0:bl.lc 0:bk.ll 0:bl.ll 0:bk.lf 0:bl.lf 0:bk.mb 0:bl.mb 0:2d.mb 0:39.mb 0:2d.ll 0:39.ll 0:bz.ld 0:c0.ld
        0:bz.lc 0:c0.lc 0:bz.ll 0:c0.ll 0:bz.lf 0:c0.lf 0:bz.mb 0:c0.mb 0:2h.lc 0:3d.lc 0:2h.mb 0:3d.mb 0:2h.ll 0:3d.ll
        0:2h.lf 0:3d.lf 6:q9.lv 0:q9.lw 0:64g.lc 0:64h.lc 0:64g.ld 0:64h.ld 0:64g.n6 0:64h.n6 0:pd.lv 0:pd.lw 0:64o.lc
        0:64p.lc 0:64o.ld 0:64p.ld 0:64o.n6 0:64p.n6 0:qd.lv 0:qd.lw 0:64w.lc 0:64x.lc 0:64w.ld 0:64x.ld 2:ph.lv
        0:ph.lw 0:654.lc 0:655.lc 0:654.ld 0:655.ld 2:qf.lv 0:qf.lw 0:65c.lc 0:65d.lc 0:65c.ld 0:65d.ld 0:65c.n6
        0:65d.n6 0:pj.lv 0:pj.lw 0:65k.lc 0:65l.lc 0:65k.ld 0:65l.ld 0:65k.n6 0:65l.n6 0:qh.lv 0:qh.lw 0:65s.lc
        0:65t.lc 0:65s.ld 0:65t.ld 0:65s.n6 0:65t.n6 0:pl.lv 0:pl.lw 0:660.lc 0:661.lc 0:660.ld 0:661.ld 0:660.n6
        0:661.n6 0:qn.lv 0:qn.lw 0:668.lc 0:669.lc 0:668.ld 0:669.ld 2:pr.lv 0:pr.lw 0:66g.lc 0:66h.lc 0:66g.ld
        0:66h.ld 2:qt.lv 0:qt.lw 0:66o.lc 0:66p.lc 0:66o.ld 0:66p.ld 0:66o.n6 0:66p.n6 1:px.lw 1:66x.lc 1:66x.ld
        1:66x.n6 0:qx.lv 0:qx.lw 0:674.lc 0:675.lc 0:674.ld 0:675.ld 0:674.n6 0:675.n6 0:q1.lv 0:q1.lw 0:67c.lc
        0:67d.lc 0:67c.ld 0:67d.ld 0:67c.n6 0:67d.n6 0:q9.lc 1:qd.lc 1:qf.lc 1:qh.lc 1:qn.lc 1:qt.lc 1:qx.lc 3:64g.n9
        0:64h.n9 0:64i.n9 0:64j.n9 0:64k.n9 0:64l.n9 0:64m.n9 0:64n.n9 0:64o.n9 0:64p.n9 0:64q.n9 0:64r.n9 0:64s.n9
        0:64t.n9 0:64u.n9 0:64v.n9 0:65c.n9 0:65d.n9 0:65e.n9 0:65f.n9 0:65g.n9 0:65h.n9 0:65i.n9 0:65j.n9 0:65k.n9
        0:65l.n9 0:65m.n9 0:65n.n9 0:65o.n9 0:65p.n9 0:65q.n9 0:65r.n9 0:674.n9 0:675.n9 0:676.n9 0:677.n9 0:678.n9
        0:679.n9 0:67a.n9 0:67b.n9 0:67c.n9 0:67d.n9 0:67e.n9 0:67f.n9 0:67g.n9 0:67h.n9 0:67i.n9 0:67j.n9 0:q9.li
        0:q9.lg 0:67k.n9 0:q9.n9 0:q4.n9 1:q9.n6 0:69i.n9 0:pd.li 0:pd.lg 0:pd.lc 1:pd.n9 4:4o.n6 0:67o.n9 0:qf.n9
        0:q6.n9 1:qf.n6 0:69y.n9 0:ph.lc 1:pj.lc 1:pj.n9 0:69r.lc 0:69r.ld 0:69r.n6 0:qh.li 0:qh.lg 0:qy.lc 3:qh.n6
        0:qy.n6 0:pl.li 0:pl.lg 0:pl.lc 2:6bi.lc 0:6bi.ld 0:6bi.n6 0:qt.li 0:qt.lg 0:qz.lc 1:qp.lv 0:qp.lw 0:qt.n6
        0:qz.n6 0:px.li 0:px.lg 0:px.lc 1:pt.lw 0:4o.lc 4:67w.n9 0:qx.n9 0:r2.n9 1:qx.n6 0:6ba.n9 0:pr.lc 1:q1.lc
        1:q1.n9 bh:6mo.mw 0:6mq.mw i:6ms.mw u:6og.mw 0:6ok.mw 0:6oi.mw 1g:6pv.mw 4:6q0.mw 2:6q3.mw n:6qr.mw 1:6qt.mw
        q:6rg.mw 2:6rn.mw 2:6rp.mw 1:6rs.mw m:1p.mw 1:6sh.mw a:6rx.mw 0:1o.mw 0:1q.mw 0:6sk.mw 0:6sl.mw 2:6sy.mw
        0:6sz.mw 2:6t2.mw 0:6t3.mw 6:6t6.mw 0:6t7.mw 2:6te.mw 0:6tf.mw 2:6ti.mw 0:6tj.mw y:6ua.mw 0:6ug.mw 0:6uh.mw
        0:6uj.mw 1c:6t8.mw 0:6t9.mw 0:6tt.mw 0:6tu.mw 6:6uq.mw 0:6ur.mw 0:6us.mw 0:6ut.mw 2n2:9jf.9ll 1:9jh.9ll
        1:9jj.9ll 1:9jl.9ll 1:9jn.9ll 1:9jp.9ll 1:9jr.9ll 1:9jt.9ll 1:9jv.9ll 1:9jx.9ll 1:9jz.9ll 1:9k1.9ll 2:9k4.9ll
        1:9k6.9ll 1:9k8.9ll 6:9kf.9ll 0:9kf.9lm 1:9ki.9ll 0:9ki.9lm 1:9kl.9ll 0:9kl.9lm 1:9ko.9ll 0:9ko.9lm 1:9kr.9ll
        0:9kr.9lm m:9ja.9ll 9:9lp.9ll d:9m3.9ll 1:9m5.9ll 1:9m7.9ll 1:9m9.9ll 1:9mb.9ll 1:9md.9ll 1:9mf.9ll 1:9mh.9ll
        1:9mj.9ll 1:9ml.9ll 1:9mn.9ll 1:9mp.9ll 2:9ms.9ll 1:9mu.9ll 1:9mw.9ll 6:9n3.9ll 0:9n3.9lm 1:9n6.9ll 0:9n6.9lm
        1:9n9.9ll 0:9n9.9lm 1:9nc.9ll 0:9nc.9lm 1:9nf.9ll 0:9nf.9lm m:9ly.9ll 2:9nz.9ll 0:9o0.9ll 0:9o1.9ll 0:9o2.9ll
        3:9od.9ll
        """
}
