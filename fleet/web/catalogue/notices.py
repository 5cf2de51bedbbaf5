"""Notices of alarms, by mail and webhook."""

from agent.web.catalogue.text import Text, Texts

NOTICES: Texts = {
    "notice.began": Text("Alarm: {alarm} – {where}", "报警：{alarm} – {where}"),
    "notice.ended": Text("Ended: {alarm} – {where}", "报警解除：{alarm} – {where}"),
    "notice.many": Text("{n} notices of {stations} stations", "{stations} 个工位共 {n} 条通知"),
    "notice.more": Text("and {n} more, see the page", "另有 {n} 条，详见页面"),
    "notice.again": Text("It came {n} more times while this notice was held back.", "本通知暂缓期间又发生 {n} 次。"),
    "notice.from": Text("Sent by the fleet centre {fleet}", "由中心 {fleet} 自动发送"),
}
