"""How an evaluation's page looks: the page's own colours, two themes, no script, nothing from elsewhere."""

CSS = """
:root { --bg:#f3f5f7; --panel:#fff; --raised:#eef1f5; --edge:#d3dae3; --text:#131920; --quiet:#55616f; --link:#0b5cad;
  --ok:#0a7a55; --ng:#c5301a; --unsure:#8a5a00; color-scheme: light;
  --font: system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","Noto Sans SC","PingFang SC",
    "Microsoft YaHei","WenQuanYi Micro Hei",sans-serif; }
@media (prefers-color-scheme: dark) { :root { --bg:#0c1014; --panel:#151b22; --raised:#1d252e; --edge:#2b3540;
  --text:#e8edf3; --quiet:#9dabba; --link:#7cbcff; --ok:#3fd69b; --ng:#ff7a66; --unsure:#ffc845;
  color-scheme: dark; } }
* { box-sizing: border-box; }
html { background: var(--bg); color: var(--text); font: 16px/1.45 var(--font); font-variant-numeric: tabular-nums; }
body { margin: 0 auto; max-width: 1240px; padding: 28px 24px 48px; }
h1, h2, h3, p, dl, dd, ul, figure { margin: 0; padding: 0; }
h1 { font-size: 28px; line-height: 1.2; font-weight: 700; letter-spacing: -.01em; }
h2 { font-size: 20px; font-weight: 680; margin: 44px 0 12px; padding-top: 14px; border-top: 1px solid var(--edge); }
h3 { font-size: 15px; font-weight: 650; margin: 0 0 8px; }
.zh { color: var(--quiet); font-weight: 500; font-size: .86em; margin-left: .35em; }
.quiet { color: var(--quiet); } .small { font-size: 14px; } .wide { max-width: 78ch; }
header p { color: var(--quiet); margin-top: 6px; overflow-wrap: anywhere; } header b { color: var(--text);
  font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 12px; margin-top: 22px; }
.card { background: var(--panel); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 14px;
  min-width: 0; }
.card dt { color: var(--quiet); font-size: 13px; font-weight: 600; line-height: 1.35; }
.card dd { font-size: 27px; font-weight: 680; line-height: 1.2; margin-top: 4px; }
.card dd small { font-size: 14px; font-weight: 500; color: var(--quiet); margin-left: 3px; }
.card .sub { font-size: 13px; font-weight: 400; color: var(--quiet); margin-top: 2px; line-height: 1.35; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 370px), 1fr)); gap: 14px; }
.panel { background: var(--panel); border: 1px solid var(--edge); border-radius: 8px; padding: 16px 18px;
  min-width: 0; overflow-x: auto; }
.panel + .panel.full, .full { grid-column: 1 / -1; } .panel p { margin-top: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; }
th { text-align: left; color: var(--quiet); font-size: 13px; font-weight: 600; vertical-align: bottom; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--edge); }
th:last-child, td:last-child { padding-right: 0; } tbody tr:last-child :is(td, th) { border-bottom: 0; }
tbody th { color: var(--text); font-size: 15px; font-weight: 600; vertical-align: middle; }
.num { text-align: right; white-space: nowrap; }
td.cell { text-align: center; min-width: 56px; border: 3px solid var(--panel); border-radius: 8px; padding: 6px;
  background: color-mix(in srgb, var(--tone) calc(var(--w) * 62%), var(--raised)); }
td.cell.bad { --tone: var(--ng); } td.cell.good { --tone: var(--ok); } td.cell.zero { color: var(--quiet); }
th.col { text-align: center; padding: 5px; }
table.matrix :is(th, td) { border-bottom: 0; } table + table { margin-top: 12px; }
td.cell { border-bottom: 3px solid var(--panel); }
.interval { width: 150px; height: 12px; display: block; } .interval .track { fill: var(--edge); }
.interval .span { fill: var(--link); opacity: .45; } .interval .dot { fill: var(--text); } td.bar { width: 150px; }
.curve { width: 100%; height: auto; display: block; } .curve text { fill: var(--quiet); font: 13px var(--font); }
.curve .grid { stroke: var(--edge); } .curve .line { fill: none; stroke: var(--link); stroke-width: 2.5;
  stroke-linejoin: round; }
.curve .gap { stroke: var(--quiet); stroke-dasharray: 3 5; } .curve .lead { stroke: var(--quiet); }
.curve .theirs { fill: var(--unsure); }
.curve .ours { fill: var(--link); }
.curve .name { fill: var(--text); font-weight: 600; }
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 372px), 1fr)); gap: 14px; }
.shots.alone { grid-template-columns: repeat(auto-fill, minmax(min(100%, 216px), 1fr)); }
.shot { background: var(--panel); border: 1px solid var(--edge); border-radius: 8px; overflow: hidden; min-width: 0; }
.pair { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 2px; background: var(--edge); }
.pair svg { width: 100%; height: auto; display: block; image-rendering: pixelated; background: var(--raised); }
.pair div { position: relative; } .pair span { position: absolute; left: 6px; bottom: 6px; padding: 0 7px;
  border-radius: 4px;
  background: rgb(12 16 20 / .78); color: #fff; font-size: 12px; line-height: 19px; }
.shot figcaption { padding: 9px 12px 11px; font-size: 14px; line-height: 1.4; } .shot b { font-weight: 650;
  font-size: 15px; }
.shot .file { color: var(--quiet); font-size: 12.5px; overflow-wrap: anywhere; display: block; }
rect.other { fill: none; stroke: #0a7a55; stroke-width: 1; stroke-dasharray: 2 2.5; }
.lead { margin-bottom: 12px; } rect.halo { fill: none; stroke: #fff; stroke-width: 3.4; opacity: .9; }
rect.truth { fill: none; stroke: #0a7a55;
  stroke-width: 1.7; }
rect.call { fill: none; stroke: #c5301a; stroke-width: 1.7; stroke-dasharray: 5 2.5; }
.key { display: inline-block; width: 18px; height: 11px; border: 2px solid #0a7a55; margin: 0 5px 0 12px;
  vertical-align: -1px; background: #fff; }
.key.call { border: 2px dashed #c5301a; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; font-size: 15px; }
.facts dt { color: var(--quiet); }
.facts dd { overflow-wrap: anywhere; }
footer { margin-top: 44px; padding-top: 14px; border-top: 1px solid var(--edge); color: var(--quiet);
  font-size: 14px; }
footer li { margin: 4px 0 4px 18px; max-width: 90ch; }
@media (max-width: 1000px) { .cards { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); } }
.scroll { overflow-x: auto; } .scroll + table { margin-top: 14px; }
@media (max-width: 600px) { .scroll .curve { min-width: 680px; }
  table.share tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; border-bottom: 1px solid var(--edge); }
  table.share :is(th, td) { border: 0; padding: 3px 0; } table.share td:last-child { grid-column: 1 / -1;
  margin-top: -4px; }
}
@media (max-width: 600px) { body { padding: 18px 14px 36px; } h1 { font-size: 23px; } .panel { padding: 12px; }
.facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: 6px; } }
@media print { body { max-width: none; } .panel, .card, .shot { break-inside: avoid; } }
"""
