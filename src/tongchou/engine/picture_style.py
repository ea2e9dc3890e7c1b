"""The look of the explanation page: one style sheet, no font or picture from anywhere else."""

STYLE = """
:root { --ink: #1b2430; --soft: #4a5563; --line: #d5dbe3; --paper: #fff; --back: #f3f5f8;
  --blue: #0f4fa8; --warn: #7a4b00; --warn-back: #fff4dc; --warn-line: #e3b454; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.6 "Noto Sans CJK SC",
  "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", sans-serif; }
header, main, footer { max-width: 1080px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 26px; }
h1 { font-size: 24px; line-height: 1.3; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 0 0 8px; }
h3 { font-size: 15px; margin: 22px 0 8px; color: var(--blue); }
.facts { color: var(--soft); margin: 0; }
.notice { background: var(--warn-back); border: 1px solid var(--warn-line); color: var(--warn);
  border-left-width: 6px; padding: 8px 14px; margin: 14px 0 0; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 6px;
  padding: 18px 20px 22px; margin: 18px 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px;
  list-style: none; margin: 14px 0 0; padding: 0; }
.cards li { border: 1px solid var(--line); border-top: 4px solid var(--own, #33404f);
  border-radius: 4px; padding: 8px 12px 10px; }
.cards .name { color: var(--soft); font-size: 13px; display: block; }
.cards .sum { font-size: 20px; font-weight: 600; display: block; white-space: nowrap; }
.cards .of { color: var(--soft); font-size: 13px; }
.sum, .fen, td.n, th.n { font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--soft); font-size: 13px; padding-bottom: 4px; }
th, td { text-align: left; vertical-align: top; padding: 6px 8px; }
td, tbody th { border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; font-size: 13px;
  border-bottom: 2px solid var(--line); }
td.n, th.n { text-align: right; white-space: nowrap; }
tbody th { font-weight: 500; }
tfoot th, tfoot td { font-weight: 600; border-top: 2px solid var(--line); border-bottom: 0; }
.steps { table-layout: fixed; }
.steps col.label { width: 96px; } .steps col.money { width: 122px; }
.steps col.clause { width: 232px; }
.steps .layer th { background: #eaf1fb; border-top: 1px solid #b9cdea; padding-top: 8px; }
.steps .layer .paid { float: right; font-weight: 600; }
.steps .cut td, .steps .cut th { background: #fdeeee; }
.steps .paid-row td, .steps .paid-row th { font-weight: 600; }
.tag { display: inline-block; background: #a11a1a; color: #fff; border-radius: 3px; padding: 0 6px;
  font-size: 12px; margin-right: 6px; }
.clauses { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.clauses .open { color: var(--warn); }
abbr { text-decoration: underline dotted #8b97a6; text-underline-offset: 3px; cursor: help; }
.wide { overflow-x: auto; }
.swipe { display: none; color: var(--soft); font-size: 13px; margin: 0 0 4px; }
.sankey { display: block; width: 100%; min-width: 700px; height: auto; }
.sankey text { font-size: 13px; fill: var(--ink); paint-order: stroke; stroke: #fff;
  stroke-width: 3px; stroke-linejoin: round; }
.sankey .fen { font-weight: 600; }
.fall td.bar { width: 52%; vertical-align: middle; }
.fall svg { display: block; width: 100%; height: 16px; }
.year td, .year th { white-space: nowrap; }
.facts span { white-space: nowrap; }
.small { font-size: 14px; } .small td, .small th { padding: 4px 8px; }
ul.plain { margin: 4px 0; padding-left: 20px; }
footer { color: var(--soft); font-size: 13px; padding-bottom: 30px; }
.wide:focus-visible { outline: 3px solid var(--blue); }
@media (max-width: 700px) {
  header, main, footer { padding-left: 12px; padding-right: 12px; }
  section { padding: 14px 12px 16px; }
  h1 { font-size: 21px; }
  .swipe { display: block; }
  .cards { grid-template-columns: 1fr 1fr; }
  .cards .sum { font-size: 17px; }
  .steps, .steps tbody { display: block; }
  .steps colgroup, .steps thead { display: none; }
  .steps tr { display: grid; grid-template-columns: 1fr auto; border-bottom: 1px solid var(--line);
    padding: 5px 0; }
  .steps tr.layer { display: block; padding: 0; margin-top: 10px; }
  .steps tr.layer th { display: block; }
  .steps td, .steps tbody th { border: 0; padding: 1px 8px; }
  .steps td.formula, .steps td.clauses { grid-column: 1 / -1; overflow-wrap: anywhere; }
  .steps td.n { grid-column: 2; grid-row: 1; }
  .fall td.bar { width: 34%; }
  .fall td, .fall th { padding: 6px 4px; }
}
@media print {
  body { background: #fff; font-size: 11pt; }
  header, main, footer { max-width: none; padding: 0; }
  section { border: 0; padding: 0; margin: 10pt 0; break-inside: auto; }
  tr, .cards li, svg { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .sankey { min-width: 0; }
  .wide { overflow: visible; }
  abbr { text-decoration: none; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
