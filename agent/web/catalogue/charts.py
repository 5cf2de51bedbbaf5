"""Texts of charts, wherever they stand: the quality page, the shift's report."""

from agent.web.catalogue.text import Text, Texts

CHARTS: Texts = {
    "chart.table": Text("Exact figures", "精确数值"),
    "chart.table_of": Text("Table: {title}", "数据表：{title}"),
    "chart.csv": Text("CSV file", "CSV 文件"),
    "chart.walk": Text("The arrow keys walk along the values.", "按方向键逐点查看数值。"),
    "chart.rest": Text("all others", "其余各类"),
    "chart.newest": Text(
        "{title}: {points} points, the newest {value}, signals: {signals}",
        "{title}：共 {points} 点，最新值 {value}，异常点 {signals} 个",
    ),
    "chart.of": Text("{hits} of {parts}", "{hits} / {parts}"),
    "chart.limits": Text("limits {lower} to {upper}, centre {centre}", "控制限 {lower} ～ {upper}，中心线 {centre}"),
    "chart.no_limits": Text("no limits yet", "尚无控制限"),
    "chart.growing": Text("still growing: too few parts to be judged", "样本不足，暂不判异"),
    "chart.gap": Text("{parts} parts up to the hit", "至命中共 {parts} 件"),
    "chart.gap.open": Text("{parts} parts since the last hit", "自上次命中以来 {parts} 件"),
    "chart.mean": Text("{value}, mean of {parts} parts", "{value}（{parts} 件均值）"),
    "signal.beyond": Text("beyond a limit", "超出控制限"),
    "signal.run": Text("eight or more in a row on one side", "连续八点及以上在中心线同侧"),
    "key.limit": Text("limits", "控制限"),
    "key.trial": Text("trial limits", "试用控制限"),
    "key.centre": Text("centre", "中心线"),
    "key.growing": Text("too few parts yet", "样本不足"),
    "how.p": Text(
        "Each point is the share in a subgroup. Limits are three sigma of the binomial around the share of the "
        "recipe revision's baseline.",
        "每点为一个子组的比率。控制限以该配方版本基线比率为中心，按二项分布取三倍标准差。",
    ),
    "how.laney": Text(
        "Each point is the share in a subgroup. The share itself moves between subgroups more than chance lets it, so "
        "the limits are widened as Laney's p′ chart does.",
        "每点为一个子组的比率。子组间波动超出随机范围（过度离散），控制限按 Laney p′ 图放宽。",
    ),
    "how.g": Text(
        "Hits are rare, so each point is the number of parts from one to the next: low is bad. Limits are the "
        "geometric distribution's, the scale is logarithmic.",
        "命中较少，故每点为两次命中之间的件数（g 图），数值越低越差。控制限取自几何分布，纵轴为对数刻度。",
    ),
    "how.individuals": Text(
        "Each point is the mean of a subgroup. Limits are three sigma by the moving range of the recipe revision's "
        "baseline.",
        "每点为一个子组的均值。控制限按该配方版本基线的移动极差取三倍标准差。",
    ),
    "note.trial": Text(
        "{name}: trial limits. Its baseline has {parts} parts so far; it is frozen after 25 hours of running with "
        "2,000 parts.",
        "{name}：试用控制限。基线目前 {parts} 件，运行满 25 个小时且累计 2,000 件后冻结。",
    ),
    "note.no_baseline": Text(
        "{name}: no limits yet, its baseline has too few subgroups.", "{name}：基线子组过少，尚无控制限。"
    ),
    "note.spread": Text(
        "{name}: limits widened {spread} times (Laney’s σz).", "{name}：控制限放宽 {spread} 倍（Laney σz）。"
    ),
    "column.from": Text("From", "起始"),
    "column.to": Text("To", "截止"),
    "column.recipe": Text("Recipe", "配方"),
    "column.parts": Text("Parts", "件数"),
    "column.hits": Text("Hits", "命中"),
    "column.share": Text("Share", "比率"),
    "column.value": Text("Value", "数值"),
    "column.lower": Text("Lower limit", "控制下限"),
    "column.centre": Text("Centre", "中心线"),
    "column.upper": Text("Upper limit", "控制上限"),
    "column.signal": Text("Signal", "异常"),
    "column.cause": Text("Cause", "原因"),
    "column.count": Text("Count", "数量"),
    "column.cumulative": Text("Cumulative", "累计"),
    "column.what": Text("What", "项目"),
    "column.ok": Text("OK", "合格"),
    "column.ng": Text("NG", "不合格"),
    "column.unsure": Text("UNSURE", "存疑"),
    "column.yield": Text("Yield", "良率"),
    "column.first": Text("First pass", "直通率"),
    "column.interval": Text("95 % interval", "95 % 置信区间"),
    "pareto.label": Text(
        "{title}: {names} causes, the first is {first} with {share}",
        "{title}：共 {names} 类，首位为 {first}，占 {share}",
    ),
    "pareto.tip": Text(
        "{count}, {share} of all; with those before it {cumulative}", "{count}，占 {share}；累计 {cumulative}"
    ),
    "yield.label": Text("{title}: {parts} parts, yield {share}", "{title}：{parts} 件，良率 {share}"),
    "yield.tip": Text("yield {share} (95 %: {low} to {high})", "良率 {share}（95 %：{low} ～ {high}）"),
}
