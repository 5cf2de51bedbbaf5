"""Texts of the quality page."""

from agent.web.catalogue.text import Text, Texts

QUALITY: Texts = {
    "title.quality": Text("Quality", "质量"),
    "quality.filter": Text("What is shown", "显示范围"),
    "quality.every_recipe": Text("every recipe", "全部配方"),
    "quality.apply": Text("Show", "查看"),
    "quality.custom": Text("From – to", "自定义"),
    "quality.print": Text("Print", "打印"),
    "quality.period": Text("Period", "时段"),
    "quality.period.shift": Text("This shift", "本班"),
    "quality.period.today": Text("Today", "今日"),
    "quality.period.week": Text("7 days", "近 7 天"),
    "quality.period.month": Text("30 days", "近 30 天"),
    "quality.span": Text("{lane}, {since} – {until}", "{lane}，{since} – {until}"),
    "quality.signals": Text("Signals", "异常点"),
    "quality.signals.note": Text("in the charts of NG and UNSURE", "NG 与存疑控制图"),
    "quality.parts": Text("Parts", "件数"),
    "quality.yield": Text("Yield", "良率"),
    "quality.first": Text("First pass", "直通率"),
    "quality.interval": Text("95 %: {low} – {high}", "95 %：{low} – {high}"),
    "quality.empty": Text("No production part in this time.", "该时段没有生产工件。"),
    "quality.empty.more": Text(
        "Charts count production parts only: no set-up, no challenge parts, no pushed pictures.",
        "图表仅统计生产工件，不含调试、校验件和推送图像。",
    ),
    "quality.empty.month": Text("Look at 30 days", "查看近 30 天"),
    "quality.none": Text("Nothing to show in this time.", "该时段无数据。"),
    "quality.ng": Text("NG share", "NG 率"),
    "quality.unsure": Text("UNSURE share", "存疑率"),
    "quality.defects": Text("Defects", "缺陷排列图"),
    "quality.defects.caption": Text(
        "Of {parts} NG parts; a part counts once for each class of defect on it.",
        "共 {parts} 件 NG；同一工件的每类缺陷各计一次。",
    ),
    "quality.defects.newest": Text(
        "Of the newest {parts} NG parts; a part counts once for each class of defect on it.",
        "最近 {parts} 件 NG；同一工件的每类缺陷各计一次。",
    ),
    "quality.defects.none": Text("No NG part in this time.", "该时段没有 NG 工件。"),
    "quality.unsure-causes": Text("Why UNSURE", "存疑原因"),
    "quality.unsure-causes.caption": Text("Of {parts} UNSURE parts.", "共 {parts} 件存疑。"),
    "quality.unsure-causes.newest": Text("Of the newest {parts} UNSURE parts.", "最近 {parts} 件存疑。"),
    "quality.unsure-causes.none": Text("No UNSURE part in this time.", "该时段没有存疑工件。"),
    "quality.hour": Text("Yield by hour", "每小时良率"),
    "quality.shift": Text("Yield by shift", "各班良率"),
    "quality.recipe": Text("Yield by recipe revision", "各配方版本良率"),
    "quality.yield.caption": Text(
        "The dot is the yield, the line its 95 % interval (Wilson): where lines overlap, the difference may be chance.",
        "圆点为良率，线段为 95 % 置信区间（Wilson）；线段重叠时，差异可能只是偶然。",
    ),
    "quality.places": Text("Where the defects are", "缺陷位置分布"),
    "quality.places.label": Text("{title}: {n} defects", "{title}：{n} 处缺陷"),
    "quality.places.caption": Text(
        "Middles of the defects that made parts NG, over the newest picture that was kept.",
        "导致 NG 的缺陷中心位置，底图为最近保存的图像。",
    ),
    "quality.places.bare": Text(
        "Middles of the defects that made parts NG. No picture of this product was kept.",
        "导致 NG 的缺陷中心位置。尚未保存该产品的图像。",
    ),
    "quality.places.drawn": Text("{n} defects of {parts} NG parts.", "共 {parts} 件 NG，{n} 处缺陷。"),
    "quality.places.newest": Text("{n} defects of the newest {parts} NG parts.", "最近 {parts} 件 NG，{n} 处缺陷。"),
    "quality.places.tip": Text("{n} defects", "{n} 处缺陷"),
    "quality.places.none": Text("No defect in this time.", "该时段没有缺陷。"),
    "column.place": Text("Place", "位置"),
    "quality.scores": Text("Scores by class", "各类得分分布"),
    "quality.scores.caption": Text(
        "How surely the model found what it found. The line is the threshold from which a part is NG; many detections "
        "close to it mean that it hangs on little.",
        "模型检出的得分分布。竖线为判 NG 的阈值；大量得分贴近阈值，说明判定余量不足。",
    ),
    "quality.scores.newest": Text("Only the newest detections were looked at.", "仅统计最近的检出。"),
    "quality.scores.tip": Text("{n} detections", "{n} 个检出"),
    "quality.scores.one": Text(
        "{n} found, threshold {limit}, within 0.05 of it {near}", "检出 {n}，阈值 {limit}，距阈值 0.05 以内 {near}"
    ),
    "quality.scores.bare": Text("{n} found; none made a part NG yet", "检出 {n}，尚未导致 NG"),
    "quality.scores.none": Text("Nothing was found on any part in this time.", "该时段没有任何检出。"),
    "quality.drift": Text("Time, place and light", "时间、位置与光照"),
}
