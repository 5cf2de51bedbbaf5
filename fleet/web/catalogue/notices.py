"""Notices of alarms, by mail and webhook, and their page."""

from agent.web.catalogue.text import Text, Texts

NOTICES: Texts = {
    "notice.began": Text("Alarm: {alarm} – {where}", "报警：{alarm} – {where}"),
    "notice.ended": Text("Ended: {alarm} – {where}", "报警解除：{alarm} – {where}"),
    "notice.many": Text("{n} notices of {stations} stations", "{stations} 个工位共 {n} 条通知"),
    "notice.more": Text("and {n} more, see the page", "另有 {n} 条，详见页面"),
    "notice.again": Text("It came {n} more times while this notice was held back.", "本通知暂缓期间又发生 {n} 次。"),
    "notice.from": Text("Sent by the fleet centre {fleet}", "由中心 {fleet} 自动发送"),
    "nav.notices": Text("Notices", "通知"),
    "notices.lead": Text(
        "Alarms are told by mail and webhook as [[mail]] and [[webhook]] of fleet.toml say.",
        "报警按 fleet.toml 中 [[mail]] 与 [[webhook]] 的设置，以邮件和 Webhook 发送。",
    ),
    "notices.none": Text("No channel is configured: nobody is told of alarms.", "未配置通知渠道：报警不会通知任何人。"),
    "notices.channel": Text("Channel", "渠道"),
    "notices.kind": Text("Kind", "类型"),
    "notices.kind.mail": Text("Mail", "邮件"),
    "notices.kind.webhook": Text("Webhook", "Webhook"),
    "notices.where": Text("Goes to", "发送至"),
    "notices.delivered": Text("Last delivered", "最近送达"),
    "notices.failed": Text("Last failure", "最近失败"),
    "notices.waiting": Text("Waiting", "待发送"),
    "notices.sent": Text("Sent", "已发送"),
    "notices.given_up": Text("Given up", "已放弃"),
    "notices.never": Text("never", "从未"),
    "notices.failing": Text("Fails at the moment: {why}", "当前发送失败：{why}"),
}
