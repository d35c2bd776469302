// How the page looks: light and dark, on a phone and on A4. Nothing is told by colour alone.

extension AuditHTML {
    static let sheet: StaticString = """
        :root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --panel: #f5f7f9;
          --rule: #d0d7de; --link: #0a5cad; --clear: #a32618; --tls: #a9cdec; --tls-edge: #3d7fb8; --critical: #8f1414;
          --high: #b3370c; --medium: #8a5a00; --low: #3d5a80; --info: #57606a; --badge: #ffffff }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #a3adb8; --paper: #14181d; --panel: #1d232a;
          --rule: #3a434d; --link: #7cb8f2; --clear: #ff8f73; --tls: #2c567b; --tls-edge: #6aa9de; --critical: #ff9a93;
          --high: #ffab7d; --medium: #edc15f; --low: #a9c4e8; --info: #a3adb8; --badge: #14181d } }
        * { box-sizing: border-box }
        html { scroll-behavior: auto }
        body { font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; color: var(--ink);
          background: var(--paper); margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 72rem;
          overflow-wrap: break-word }
        a { color: var(--link) } a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--link);
          outline-offset: 2px }
        .skip { position: absolute; left: -100rem } .skip:focus { position: static }
        h1 { font-size: 1.7rem; line-height: 1.25; margin: .2rem 0 .6rem } h2 { font-size: 1.35rem; margin: 2.6rem 0 .8rem;
          padding-bottom: .25rem; border-bottom: 2px solid var(--rule) } h3 { font-size: 1.08rem; margin: 1.6rem 0 .4rem }
        p { margin: .4rem 0 .7rem; max-width: 48rem } ul, ol { padding-left: 1.4rem }
        code, pre, .log { font-family: ui-monospace, "SF Mono", Consolas, "DejaVu Sans Mono", monospace; font-size: .86em }
        code { overflow-wrap: anywhere; unicode-bidi: isolate } bdi { overflow-wrap: anywhere }
        pre { background: var(--panel); padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere }
        .what { color: var(--soft); margin: 0; letter-spacing: .04em } .lead { font-size: 1.1rem }
        .note { color: var(--soft); font-size: .9rem }
        header.verdict { border-left: .5rem solid var(--info); padding-left: 1.1rem }
        header.critical { border-color: var(--critical) } header.high { border-color: var(--high) }
        header.medium { border-color: var(--medium) } header.low { border-color: var(--low) }
        .badge { display: inline-block; font-size: .72em; font-weight: 700; line-height: 1.5; padding: 0 .5em;
          border-radius: .25em; color: var(--badge); background: var(--info); border: 1px solid var(--info);
          white-space: nowrap; vertical-align: .12em }
        .badge.critical { background: var(--critical); border-color: var(--critical) }
        .badge.high { background: var(--high); border-color: var(--high) }
        .badge.medium { background: var(--medium); border-color: var(--medium) }
        .badge.low { background: var(--low); border-color: var(--low) }
        td .badge { font-size: .86em }
        .tiles { list-style: none; padding: 0; margin: 1.1rem 0; display: grid; gap: .8rem;
          grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)) }
        .tiles li { background: var(--panel); border: 1px solid var(--rule); border-radius: .4rem; padding: .6rem .8rem }
        .tiles strong { display: block; font-size: 1.7rem; line-height: 1.2 } .tiles span { display: block }
        .tiles small { color: var(--soft) }
        nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: .8rem 0 }
        .tasks > li { margin: 0 0 1.2rem; padding-left: .3rem } .advice { font-weight: 600; margin-bottom: .2rem }
        .ends, .seen { margin: .2rem 0 } .ends { font-size: .93rem }
        dl { margin: .4rem 0 .8rem } dl.settings, dl.facts, dl.scale { display: grid; gap: .15rem 1rem;
          grid-template-columns: minmax(7rem, max-content) 1fr } dt { color: var(--soft) } dd { margin: 0; min-width: 0;
          overflow-wrap: anywhere } dl.settings { font-size: .93rem } dl.scale { font-size: .93rem }
        summary { cursor: pointer; color: var(--link) } details { margin: .3rem 0 .7rem }
        details.inline { display: inline-block; margin: 0 0 0 .4em } details.inline[open] { display: block; margin: 0 }
        table { border-collapse: collapse; width: 100%; font-size: .86rem; margin: .6rem 0 1rem }
        caption { text-align: left; color: var(--soft); padding-bottom: .3rem }
        th, td { text-align: left; vertical-align: top; padding: .32rem .5rem; border-bottom: 1px solid var(--rule);
          overflow-wrap: anywhere; min-width: 3.2em } th { font-weight: 600; border-bottom: 2px solid var(--soft);
          hyphens: auto; overflow-wrap: break-word } .number { text-align: right; font-variant-numeric: tabular-nums;
          min-width: 0 }
        td.number { overflow-wrap: normal } th.number, td.number { width: 1% } .wide { font-size: .8rem } .wide td.words { min-width: 5.5em }
          .places { table-layout: fixed } .places th:nth-child(1) { width: 15% } .places th:nth-child(2) { width: 19% }
          .places th:nth-child(3) { width: 23% }
        .finding { border: 1px solid var(--rule); border-left: .4rem solid var(--info); border-radius: .3rem; margin: 1.2rem 0;
          padding: .3rem 1rem .5rem } .finding h3 { margin: .5rem 0 .4rem } .finding.critical { border-left-color: var(--critical) }
        .finding.high { border-left-color: var(--high) } .finding.medium { border-left-color: var(--medium) }
        .finding.low { border-left-color: var(--low) } .finding:target { outline: 3px solid var(--link) }
        .log { background: var(--panel); padding: .35rem .5rem; margin-top: .3rem; white-space: pre-wrap; overflow-wrap: anywhere;
          line-height: 1.4 } .log .server { color: var(--soft) } .log .client { font-weight: 600 }
        .alarm { border: 3px solid var(--critical); color: var(--critical); padding: .6rem .9rem; font-size: 1.05rem;
          max-width: none }
        .figures { display: grid; gap: 1.4rem 2rem; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)) }
        figure { margin: 0; min-width: 0 } .broad { grid-column: 1 / -1 } figcaption { font-weight: 600; margin-bottom: .5rem }
        figure svg[role] { display: block; width: 100%; height: auto; max-width: 34rem } .broad svg[role] { max-width: 60rem;
          min-width: 36rem } .scroll { overflow-x: auto } .patterns { position: absolute }
        svg text { font-size: 13px; fill: var(--ink) } svg .axis { font-size: 12px; fill: var(--soft) } svg .end { text-anchor: end }
        .grid { stroke: var(--rule); stroke-width: 1; fill: none } rect.clear { fill: var(--clear) }
        rect.tls { fill: var(--tls); stroke: var(--tls-edge) } rect.refused { fill: var(--paper); stroke: var(--clear) }
        rect.hatched { fill: url(#hatch); stroke: var(--clear) } .hatch-back { fill: var(--paper) } .hatch-line { fill: var(--clear) }
        .edge-clear { stroke: var(--clear); fill: none; stroke-dasharray: 7 4 } .edge-tls { stroke: var(--tls-edge); fill: none }
        .legend path { stroke-width: 3 } .host { fill: var(--ink) }
        .legend { list-style: none; padding: 0; margin: .4rem 0; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .9rem }
        footer { margin-top: 3rem; color: var(--soft); border-top: 1px solid var(--rule) }
        @media (max-width: 44rem) { body { padding: 1rem .8rem 2rem } h1 { font-size: 1.35rem }
          header.verdict { padding-left: .7rem; border-left-width: .3rem } .finding { padding: .2rem .6rem .4rem }
          .tiles { grid-template-columns: 1fr 1fr } dl.settings, dl.facts { grid-template-columns: 1fr; gap: 0 }
          dl.settings dd, dl.facts dd { margin-bottom: .4rem }
          thead { position: absolute; left: -100rem } table, tbody, caption { display: block } tr { display: block;
          border-bottom: 2px solid var(--rule); padding: .4rem 0 } td, td.number { display: block; text-align: left;
          border: 0; padding: .1rem 0 } td::before { content: attr(data-label) ": "; color: var(--soft) } }
        @page { size: A4; margin: 15mm 14mm 17mm;
          @bottom-left { content: "Mail audit"; font: 8pt sans-serif; color: #444 }
          @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #444 } }
        @media print { :root { color-scheme: light; --ink: #000; --soft: #444; --paper: #fff; --panel: #f4f4f4; --rule: #bbb;
          --link: #000; --clear: #a32618; --tls: #c9dff2; --tls-edge: #3d7fb8; --critical: #8f1414; --high: #b3370c;
          --medium: #8a5a00; --low: #3d5a80; --info: #57606a; --badge: #fff }
          html { font-size: 9.5pt } body { font-size: 1rem; padding: 0; max-width: none } nav, .skip { display: none } a { text-decoration: none }
          h1 { font-size: 16pt } h2 { font-size: 13pt; margin-top: 7mm } h3 { font-size: 10.5pt }
          h2, h3, caption, figcaption, .seen { break-after: avoid } table { font-size: 8pt } .wide { font-size: 7pt }
          .wide th, .wide td { padding: .6mm .8mm; min-width: 0 } .wide td.words { min-width: 17mm } .wide td.words:first-child { min-width: 25mm }
          .wide .words { padding-left: 1.6mm } tbody tr:first-child { break-before: avoid } thead { display: table-header-group }
          tr, figure, .tiles, .alarm, .head, .log, dl.settings { break-inside: avoid } .finding { border-radius: 0 }
          .tiles { grid-template-columns: repeat(4, 1fr) } .tiles strong { font-size: 15pt } p { max-width: none;
          orphans: 3; widows: 3 } .figures { grid-template-columns: 1fr 1fr; gap: 5mm 6mm } .broad svg[role] { min-width: 0 }
          .scroll { overflow: visible } details:not([open]) summary { color: #444 } .finding:target { outline: 0 }
          .wide td.words:last-child { min-width: 32mm }
          @supports selector(details::details-content) { details.inline { display: inline; margin: 0 } details.inline summary { display: none }
            details.inline::before { content: ", " } details.inline::details-content { content-visibility: visible; display: inline } }
          * { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
        """
}
