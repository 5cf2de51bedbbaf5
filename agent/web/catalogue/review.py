"""Texts of the review: the piles, a part before a person, the ledger."""

from agent.web.catalogue.text import Text, Texts

PILES: Texts = {
    "review.title": Text("Review", "复核"),
    "review.tabs": Text("Review", "复核"),
    "review.queue": Text("Queue", "待复核"),
    "review.audit": Text("Audit", "抽检"),
    "review.ledger": Text("Escapes and overkill", "漏检与误判"),
    "review.queue.lead": Text(
        "Parts that were found bad, could not be judged, or passed by little. What you say stands beside the "
        "machine's verdict and never replaces it.",
        "被判不良、无法判定或勉强通过的工件。您的判定与机器判定并存，不会覆盖机器判定。",
    ),
    "review.audit.lead": Text(
        "Parts drawn by chance before anybody had judged them. You decide without seeing the machine's verdict; "
        "only these parts say how many bad ones escape.",
        "判定前随机抽取的工件。复核时看不到机器判定；漏检率只由这些工件得出。",
    ),
    "review.start": Text("Start reviewing", "开始复核"),
    "review.waiting": Text("{n} waiting", "{n} 件待复核"),
    "review.waiting.many": Text("more than {n} waiting", "超过 {n} 件待复核"),
    "review.card": Text("Review part {id}", "复核工件 {id}"),
    "review.order": Text("Order", "排序"),
    "review.order.newest": Text("Newest first", "最新在前"),
    "review.order.doubt": Text("Most doubtful first", "最可疑在前"),
    "review.recipe": Text("Recipe", "配方"),
    "review.low": Text("Low margin", "余量不足"),
    "review.queue.empty": Text("Nothing waits for you.", "没有待复核的工件。"),
    "review.queue.empty.why": Text(
        "Parts come here when they are found bad, cannot be judged, or pass with a score close to the limit, and "
        "their picture is kept.",
        "被判不良、无法判定、或得分接近限值而通过，且保存了图像的工件会出现在这里。",
    ),
    "review.audit.empty": Text("No audit waits for you.", "没有待抽检的工件。"),
    "review.audit.off": Text("Audits are switched off.", "抽检未启用。"),
    "review.audit.off.why": Text(
        "Without them nobody can say how many bad parts escape. Choose the share of parts to be drawn in "
        "station.toml; 0.01 is one part in a hundred:",
        "没有抽检就无法得知漏检率。请在 station.toml 中设置抽取比例；0.01 即每一百件抽一件：",
    ),
    "review.audit.on": Text(
        "{share} of all parts are drawn. The next one appears here as soon as its picture is kept.",
        "按 {share} 的比例抽取。下一件的图像保存后即出现在这里。",
    ),
    "review.filter": Text("Which parts wait", "筛选待复核工件"),
    "review.page.newer": Text("Back", "上一页"),
    "review.page.older": Text("More", "更多"),
}

PART: Texts = {
    "review.part": Text("Review part {id}", "复核工件 {id}"),
    "review.blind": Text("Audit: the machine's verdict is hidden", "抽检：机器判定已隐藏"),
    "review.blind.why": Text(
        "Judge what you see. Later changes by others do not count for the escape rate.",
        "请只依据所见判定。他人之后的修改不计入漏检率。",
    ),
    "review.machine": Text("The machine says", "机器判定"),
    "review.before": Text("{who} said {word} on {when}", "{who} 于 {when} 判为{word}"),
    "review.before.blind": Text("in the audit, without knowing the machine's verdict", "抽检判定，当时未知机器判定"),
    "review.good": Text("Good", "良品"),
    "review.bad": Text("Bad", "不良"),
    "review.word.ok": Text("good", "良品"),
    "review.word.ng": Text("bad", "不良"),
    "review.verdict": Text("Your verdict", "您的判定"),
    "review.class": Text("Defect class", "缺陷类别"),
    "review.class.which": Text("Bad: which defect?", "不良：是哪种缺陷？"),
    "review.class.none": Text("Without a class", "不指定类别"),
    "review.class.cancel": Text("Not bad after all", "取消"),
    "review.boxes": Text("Marked defects", "已标记的缺陷"),
    "review.boxes.none": Text("None marked.", "未标记。"),
    "review.box": Text("{label} at {x}, {y}, {w} by {h} pixels", "{label}，位置 {x}, {y}，{w} × {h} 像素"),
    "review.add": Text("Mark a defect", "标记缺陷"),
    "review.add.now": Text("Drag over the defect, or tap it.", "在缺陷上拖动，或点按缺陷。"),
    "review.remove": Text("Remove", "删除"),
    "review.zoom.in": Text("Larger", "放大"),
    "review.zoom.out": Text("Smaller", "缩小"),
    "review.zoom.fit": Text("Whole picture", "显示全图"),
    "review.note": Text("Note", "备注"),
    "review.skip": Text("Skip", "跳过"),
    "review.skip.why": Text("It stays in the pile.", "工件仍留在待复核列表中。"),
    "review.undo": Text("Change", "更改"),
    "review.undo.part": Text("Change what was said of part {id}", "更改工件 {id} 的判定"),
    "review.done": Text("Part {id}: {word}. Saved.", "工件 {id}：{word}。已保存。"),
    "review.other": Text("{who} has this part open too.", "{who} 也打开了该工件。"),
    "review.other.nobody": Text("Somebody else has this part open too.", "另有他人也打开了该工件。"),
    "review.wrong": Text("Not saved", "未保存"),
    "review.keys": Text("Keys", "快捷键"),
    "review.keys.verdict": Text("good · bad", "良品 · 不良"),
    "review.keys.class": Text("class", "类别"),
    "review.keys.skip": Text("skip", "跳过"),
    "review.keys.undo": Text("take back", "撤销"),
    "review.keys.add": Text("mark a defect", "标记缺陷"),
    "review.keys.move": Text("move the box by 1 px, with Shift by 10", "移动框 1 像素，按住 Shift 为 10 像素"),
    "review.keys.size": Text("change its size", "改变大小"),
    "review.keys.remove": Text("remove it", "删除框"),
    "review.keys.zoom": Text("zoom", "缩放"),
    "review.picture": Text("Picture of part {id} with marked defects", "工件 {id} 的图像与已标记缺陷"),
    "act.review.given": Text("reviewed a part", "复核工件"),
}

REVIEW: Texts = {**PILES, **PART}
