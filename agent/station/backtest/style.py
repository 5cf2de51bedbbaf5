"""How a backtest's page looks: two themes, no script, nothing from elsewhere."""

CSS = """
:root { --bg:#f3f5f7; --panel:#fff; --raised:#eef1f5; --edge:#d3dae3; --text:#131920; --quiet:#55616f; --link:#0b5cad;
  --ok:#0a7a55; --ng:#c5301a; --unsure:#8a5a00; color-scheme: light;
  --font: system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","Noto Sans SC","PingFang SC",
    "Microsoft YaHei","WenQuanYi Micro Hei",sans-serif; }
@media (prefers-color-scheme: dark) { :root { --bg:#0c1014; --panel:#151b22; --raised:#1d252e; --edge:#2b3540;
  --text:#e8edf3; --quiet:#9dabba; --link:#7cbcff; --ok:#3fd69b; --ng:#ff7a66; --unsure:#ffc845; color-scheme: dark; } }
* { box-sizing: border-box; }
html { background: var(--bg); color: var(--text); font: 16px/1.45 var(--font); font-variant-numeric: tabular-nums; }
body { margin: 0 auto; max-width: 1240px; padding: 28px 24px 48px; }
h1, h2, p, dl, dd, ul, figure { margin: 0; padding: 0; }
h1 { font-size: 28px; line-height: 1.2; font-weight: 700; letter-spacing: -.01em; }
h2 { font-size: 20px; font-weight: 680; margin: 44px 0 12px; padding-top: 14px; border-top: 1px solid var(--edge); }
.zh { color: var(--quiet); font-weight: 500; font-size: .86em; margin-left: .35em; }
.quiet { color: var(--quiet); } .small { font-size: 14px; } .wide { max-width: 82ch; }
header p { color: var(--quiet); margin-top: 6px; overflow-wrap: anywhere; }
header b { color: var(--text); font-weight: 600; }
.notice { margin-top: 16px; padding: 10px 14px; border: 2px solid var(--unsure); border-radius: 8px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr)); gap: 12px;
  margin-top: 22px; }
.card { background: var(--panel); border: 1px solid var(--edge); border-radius: 8px; padding: 14px 16px; min-width: 0; }
.card dt { font-size: 14px; font-weight: 600; line-height: 1.35; color: var(--quiet); }
.card dd { font-size: 34px; font-weight: 700; line-height: 1.15; margin-top: 4px; }
.card.ng dd { color: var(--ng); } .card.unsure dd { color: var(--unsure); }
.card .between { font-size: 15px; font-weight: 500; color: var(--text); }
.card .sub { font-size: 14px; font-weight: 400; color: var(--quiet); margin-top: 4px; line-height: 1.4; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 14px; }
.panel { background: var(--panel); border: 1px solid var(--edge); border-radius: 8px; padding: 16px 18px; min-width: 0;
  overflow-x: auto; } .panel p { margin-top: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; }
caption { text-align: left; font-weight: 650; padding-bottom: 8px; }
th { text-align: left; color: var(--quiet); font-size: 14px; font-weight: 600; vertical-align: bottom; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--edge); }
th:last-child, td:last-child { padding-right: 0; } tbody tr:last-child :is(td, th) { border-bottom: 0; }
tbody th { color: var(--text); } .num { text-align: right; white-space: nowrap; }
td.same { color: var(--quiet); } td.worse { color: var(--ng); font-weight: 650; } td.better { color: var(--unsure);
  font-weight: 650; }
.full { grid-column: 1 / -1; } .left { list-style: none; display: grid; gap: 6px; }
.shots { margin-top: 10px; display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.shot { background: var(--panel); border: 1px solid var(--edge); border-radius: 8px; overflow: hidden; min-width: 0; }
.shot .frame { position: relative; background: var(--raised); }
.shot img { display: block; width: 100%; height: auto; } .shot svg { position: absolute; inset: 0; width: 100%;
  height: 100%; }
.shot figcaption { padding: 10px 12px 12px; font-size: 14px; line-height: 1.4; overflow-wrap: anywhere; }
.shot b { font-weight: 650; font-size: 15px; } .said { display: inline-block; border: 1px solid currentColor;
  border-radius: 4px; padding: 0 6px; margin-left: 6px; font-size: 13px; }
.tone-OK { color: var(--ok); } .tone-NG { color: var(--ng); } .tone-UNSURE { color: var(--unsure); }
rect { fill: none; vector-effect: non-scaling-stroke; } rect.halo { stroke: #fff; stroke-width: 5; opacity: .85; }
rect.was { stroke: #0b5cad; stroke-width: 2.4; } rect.new { stroke: #c5301a; stroke-width: 2.4; stroke-dasharray: 7 4; }
.key { display: inline-block; width: 20px; height: 12px; border: 2.4px solid #0b5cad; margin: 0 6px 0 0;
  vertical-align: -1px; background: #fff; } .key.new { border: 2.4px dashed #c5301a; margin-left: 16px; }
footer { margin-top: 44px; padding-top: 14px; border-top: 1px solid var(--edge); color: var(--quiet); font-size: 14px; }
footer li { margin: 4px 0 4px 18px; max-width: 92ch; }
@media (max-width: 600px) { body { padding: 18px 14px 36px; } h1 { font-size: 23px; } .panel { padding: 12px; } }
@media print { body { max-width: none; } .panel, .card, .shot { break-inside: avoid; } }
"""
