"""Texts of the list of all stations: what is listed, how a station is, how complete its numbers are."""

from agent.web.catalogue.text import Text, Texts

HEADS: Texts = {
    "nav.stations": Text("Stations", "工位总览"),
    "nav.compare": Text("Compare", "对比"),
    "nav.alarms": Text("Alarms", "报警"),
    "nav.export": Text("Export", "导出"),
    "nav.sync": Text("Proof of sync", "同步状态"),
    "nav.aside": Text("Set aside", "拒收消息"),
    "col.site": Text("Site", "工厂"),
    "col.line": Text("Line", "产线"),
    "col.station": Text("Station", "工位"),
    "col.box": Text("Station", "工位"),
    "col.lane": Text("Lane", "通道"),
    "col.place": Text("Place", "对象"),
    "col.state": Text("Connection", "连接"),
    "col.last": Text("Last part", "最近工件"),
    "col.yield": Text("Yield, last hour", "近 1 小时良率"),
    "col.trend": Text("Yield, 24 h", "24 小时良率"),
    "col.alarms": Text("Alarms", "报警"),
    "col.sync": Text("Complete", "数据完整性"),
    "col.runs": Text("Models, version", "模型与版本"),
}

LIST: Texts = {
    "fleet.show": Text("Which stations", "显示哪些工位"),
    "show.all": Text("All stations", "全部工位"),
    "show.attention": Text("Need somebody", "需关注"),
    "show.offline": Text("Not connected", "未连接"),
    "show.alarms": Text("With alarms", "有报警"),
    "show.gaps": Text("Incomplete", "数据不全"),
    "show.conflict": Text("Name conflicts", "名称冲突"),
    "fleet.search": Text("Search", "搜索"),
    "fleet.search.hint": Text("site, line, station, model, alarm", "工厂、产线、工位、模型、报警"),
    "fleet.order": Text("Order", "排序"),
    "order.place": Text("by site and line", "按工厂与产线"),
    "order.yield": Text("lowest yield first", "良率从低到高"),
    "order.last": Text("longest without a part first", "最久无工件优先"),
    "order.alarms": Text("most alarms first", "报警最多优先"),
    "fleet.online_of": Text("{n} online", "在线 {n}"),
    "fleet.yield_hour": Text("Yield, last hour", "近 1 小时良率"),
    "fleet.parts": Text("{n} parts", "{n} 件"),
    "fleet.detections": Text("{n} detections", "{n} 个检出"),
    "fleet.stations": Text("stations: {n}", "工位 {n}"),
    "fleet.box": Text("box {n}", "设备 {n}"),
    "fleet.now": Text("now", "刚刚"),
    "fleet.ago": Text("{age} ago", "{age}前"),
    "fleet.trend": Text("24 h: lowest {lowest}, newest {newest}", "24 小时：最低 {lowest}，最新 {newest}"),
    "fleet.trend.none": Text("24 h: no parts", "24 小时无工件"),
    "fleet.none": Text("No station has reported yet.", "尚无工位上报数据。"),
    "fleet.none_matches": Text("No station matches.", "没有符合条件的工位。"),
    "fleet.left": Text("{n} more are not shown: narrow the search.", "另有 {n} 个未显示，请缩小范围。"),
    "fleet.cut": Text(
        "The centre has not answered for {}. Nothing below is live.", "中心已 {} 无响应，以下内容并非实时。"
    ),
}

HOW: Texts = {
    "state.online": Text("online", "在线"),
    "state.silent": Text("silent", "无消息"),
    "state.stopped": Text("stopped", "已停止"),
    "state.lost": Text("connection lost", "连接中断"),
    "state.unknown": Text("unknown", "未知"),
    "state.conflict": Text("name conflict", "名称冲突"),
    "proof.complete": Text("up to {upto}", "完整至 {upto}"),
    "proof.missing": Text("up to {upto}; {n} missing", "完整至 {upto}；缺 {n} 条"),
    "proof.asked": Text(", asked again {age} ago", "，{age}前已再次请求"),
    "proof.behind": Text("behind since {upto}", "自 {upto} 起滞后"),
    "proof.waits": Text("up to {upto}; the rest waits on the station", "完整至 {upto}；其余在工位等待"),
    "proof.nothing": Text("nothing received yet", "尚未收到数据"),
    "conflict.title": Text("Two machines use one name", "两台设备使用同一名称"),
    "conflict.what": Text(
        "{names}: their numbers are kept apart as box 1 and box 2. Give one of the machines a name of its own.",
        "{names}：两台设备的数据已按设备 1、设备 2 分开。请为其中一台更改名称。",
    ),
    "conflict.here": Text(
        "Their numbers are kept apart as box 1 and box 2 and never added together. Give one of them a name of its own.",
        "两台设备的数据分开保存，不会相加。请为其中一台更改名称。",
    ),
}

OVERVIEW: Texts = {**HEADS, **LIST, **HOW}
