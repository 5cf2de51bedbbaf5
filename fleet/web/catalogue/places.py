"""Texts of one site, line or station, of comparing them, of alarms, export and intake."""

from agent.web.catalogue.text import Text, Texts

PLACE: Texts = {
    "place.trail": Text("Where this is", "当前位置"),
    "place.unknown": Text("Nothing was ever heard of {place}.", "从未收到 {place} 的数据。"),
    "place.boxes": Text("Which machine", "选择设备"),
    "place.now": Text("Now", "当前状态"),
    "place.lanes": Text("Lanes", "通道"),
    "place.lanes.none": Text("No window has come yet.", "尚未收到统计窗口。"),
    "place.temperature": Text("{c} °C", "{c} ℃"),
    "place.interval": Text("95 %: {between}", "95 %：{between}"),
    "place.stations": Text("Stations now", "工位当前状态"),
    "place.of.line": Text("Lines", "各产线"),
    "place.of.box": Text("Stations", "各工位"),
    "place.of.lane": Text("Lanes", "各通道"),
    "place.events": Text("Newest events", "最近事件"),
    "place.events.none": Text("No event in this time.", "该时段没有事件。"),
    "place.event": Text("What", "事件"),
    "place.detail": Text("Details", "详情"),
    "period.hours": Text("8 hours", "近 8 小时"),
    "period.today": Text("Today", "今日"),
    "period.day": Text("24 hours", "近 24 小时"),
    "period.week": Text("7 days", "近 7 天"),
    "period.month": Text("30 days", "近 30 天"),
    "fleet.yields": Text("Yield over time", "良率走势"),
    "fleet.control.first": Text("Not passed at the first attempt", "首次未通过率"),
    "fleet.control.unsure": Text("UNSURE share", "存疑率"),
    "fleet.causes.defect": Text("Defects", "缺陷排列图"),
    "fleet.causes.defect.caption": Text("{n} detections that made parts NG.", "共 {n} 个导致 NG 的检出。"),
    "fleet.causes.defect.none": Text("No defect in this time.", "该时段没有缺陷。"),
    "fleet.causes.unsure": Text("Why UNSURE", "存疑原因"),
    "fleet.causes.unsure.caption": Text(
        "{n} reasons; a part counts for each of its reasons once.", "共 {n} 项原因；同一工件的每项原因各计一次。"
    ),
    "fleet.causes.unsure.none": Text("No UNSURE part in this time.", "该时段没有存疑工件。"),
    "fleet.causes.missing": Text("Missing", "缺件"),
    "fleet.causes.missing.caption": Text(
        "{n} parts that were NG because something was not there.", "共 {n} 件因缺件判为 NG。"
    ),
    "fleet.causes.missing.none": Text("Nothing was missing in this time.", "该时段没有缺件。"),
    "fleet.latency": Text("Frame to verdict, ms", "采集到判定（毫秒）"),
    "fleet.latency.caption": Text(
        "p50 {p50} ms, p99 {p99} ms, the slowest {most} ms; the stations' histograms added up.",
        "p50 {p50} 毫秒，p99 {p99} 毫秒，最慢 {most} 毫秒；由各工位直方图相加得出。",
    ),
    "fleet.scores": Text("Scores of detections", "检出得分分布"),
    "fleet.scores.caption": Text(
        "How surely the models found what they found, over all classes.", "模型检出的得分分布，含全部类别。"
    ),
    "fleet.span": Text("Range", "区间"),
}

COMPARE: Texts = {
    "compare.chosen": Text("Compared", "已选对象"),
    "compare.add": Text("Add a site, line or station", "添加工厂、产线或工位"),
    "compare.hint": Text("site/line/station", "工厂/产线/工位"),
    "compare.none": Text("Choose up to {most} sites, lines or stations.", "请选择最多 {most} 个工厂、产线或工位。"),
    "compare.figures": Text("Figures", "数值对比"),
    "compare.unsure.label": Text("UNSURE share of {n} places", "{n} 个对象的存疑率"),
}

ALARM: Texts = {
    "alarms.standing": Text("Standing", "当前报警"),
    "alarms.none": Text("No alarm stands.", "当前没有报警。"),
    "alarms.known": Text("{who} knows of it, {moment}", "{who} 已确认，{moment}"),
    "alarms.ended": Text("Ended", "已解除"),
    "alarms.ended.none": Text("No alarm has ended.", "没有已解除的报警。"),
    "alarms.when": Text("Ended", "解除时间"),
    "alarms.what": Text("Alarm", "报警"),
    "alarms.lasted": Text("Lasted", "持续"),
    "alarms.left": Text("{n} older ones are not shown.", "另有 {n} 条较早记录未显示。"),
}

EXPORT: Texts = {
    "export.lead": Text(
        "What the stations sent, to take away. A file has at most {most} rows; single windows of at most {days} days.",
        "导出工位上报的数据。单个文件最多 {most} 行；逐窗口数据最多 {days} 天。",
    ),
    "export.all": Text("all", "全部"),
    "export.hours": Text("Hours", "按小时"),
    "export.hours.what": Text(
        "A row for each hour, lane, model and recipe: counts, sums, histograms.",
        "每小时、通道、模型与配方一行：计数、求和、直方图。",
    ),
    "export.windows": Text("Windows", "按窗口"),
    "export.windows.what": Text("Each window as it was sent, with what was found.", "每个上报窗口一行，含检出明细。"),
}

INTAKE: Texts = {
    "sync.lead": Text(
        "Stations number their messages. Up to which one the centre has all of them, and what it has asked for again.",
        "工位为每条消息编号。此处显示中心已完整收到的编号，以及已再次请求的内容。",
    ),
    "sync.count.complete": Text("Complete", "完整"),
    "sync.count.missing": Text("With gaps", "有缺失"),
    "sync.count.behind": Text("Behind", "滞后"),
    "sync.count.waits": Text("Waiting on the station", "在工位等待"),
    "sync.count.nothing": Text("Nothing yet", "尚无数据"),
    "sync.numbers": Text("message {held} of {highest}", "消息 {held} / {highest}"),
    "sync.numbers_missing": Text("Missing: {numbers}", "缺失编号：{numbers}"),
    "sync.held": Text("All up to", "完整至编号"),
    "sync.highest": Text("Highest seen", "最大编号"),
    "sync.missing": Text("Missing", "缺失"),
    "sync.lag": Text("Age", "距今"),
    "sync.epoch": Text("Epoch", "纪元"),
    "aside.lead": Text(
        "Messages that were not taken: nothing of them counts. The newest 1,000 are kept, their first 4 KiB each.",
        "以下消息未被接收，不计入统计。保留最近 1,000 条，每条前 4 KiB。",
    ),
    "aside.counts": Text("How many, ever", "累计数量"),
    "aside.cause": Text("Cause", "原因"),
    "aside.last": Text("Newest", "最近一次"),
    "aside.nobody": Text("no known station", "未知工位"),
    "aside.none": Text("Nothing was ever set aside.", "没有拒收的消息。"),
    "aside.newest": Text("The newest", "最近消息"),
    "aside.size": Text("{n} bytes", "{n} 字节"),
    "aside.bytes": Text("Show the bytes", "查看原始内容"),
    "cause.too_large": Text("Too large", "消息过大"),
    "cause.not_utf8": Text("Not UTF-8", "非 UTF-8 编码"),
    "cause.not_json": Text("Not JSON", "非 JSON 格式"),
    "cause.too_deep": Text("Nested too deep", "嵌套过深"),
    "cause.schema": Text("Does not fit the schema", "不符合消息格式"),
    "cause.identity": Text("Forged: another station's name in it", "伪造：内容与主题的工位不符"),
    "cause.differs": Text("Same number, other content", "编号相同而内容不同"),
    "cause.unknown_topic": Text("Unknown topic", "未知主题"),
}

PLACES: Texts = {**PLACE, **COMPARE, **ALARM, **EXPORT, **INTAKE}
