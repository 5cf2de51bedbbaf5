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

LEDGER: Texts = {
    "review.ledger.lead": Text(
        "Escapes are bad parts that passed; overkill is good parts that were rejected. Rates come from the audits "
        "alone: parts drawn by chance before they were judged, and judged by a person without seeing the machine's "
        "verdict.",
        "漏检：不良件被放行；误判：良品被剔除。比率只由抽检得出：判定前随机抽取，由人工在看不到机器判定的情况下判定。",
    ),
    "review.bound": Text("Escapes to be shown under", "漏检率目标上限"),
    "review.confidence": Text("Confidence", "置信度"),
    "review.model": Text("Model", "模型"),
    "review.escapes": Text("Escape rate", "漏检率"),
    "review.escapes.most": Text("at most {share}", "不超过 {share}"),
    "review.escapes.from": Text("{hits} bad among {parts} audited passes", "抽检放行件 {parts} 件，其中不良 {hits} 件"),
    "review.estimate": Text("estimate {share}", "估计值 {share}"),
    "review.unknown": Text("unknown", "未知"),
    "review.escapes.none": Text("No pass was audited yet.", "尚无放行件被抽检。"),
    "review.needed": Text("Audits still needed", "仍需抽检"),
    "review.needed.for": Text(
        "to show at most {bound} at {confidence}, if none of them escaped",
        "方可在 {confidence} 置信度下证明不超过 {bound}（期间无漏检）",
    ),
    "review.needed.done": Text("shown", "已达成"),
    "review.needed.shown": Text("at most {bound} at {confidence}", "{confidence} 置信度下不超过 {bound}"),
    "review.overkill": Text("Overkill rate", "误判率"),
    "review.overkill.from": Text(
        "{hits} rejected among {parts} audited good parts", "抽检良品 {parts} 件，其中被剔除 {hits} 件"
    ),
    "review.overkill.none": Text("No good part was audited yet.", "尚无良品被抽检。"),
    "review.audits": Text("Audits", "抽检数"),
    "review.audits.waiting": Text("{n} still to be judged", "{n} 件待人工判定"),
    "review.audits.unsure": Text(
        "{n} could not be judged by the machine, {good} of them good", "机器无法判定 {n} 件，其中良品 {good} 件"
    ),
    "review.waiting.warn": Text(
        "Drawn and not judged yet: {n}. The rates hold if they are judged as they come: leave none out because "
        "it is hard.",
        "尚有 {n} 件抽检件未判定。请按顺序逐件判定，不要因难判而跳过，否则比率失真。",
    ),
    "review.by_machine": Text("By recipe revision and model", "按配方版本与模型"),
    "review.revision": Text("Revision", "版本"),
    "review.passes": Text("Passes audited", "抽检放行件"),
    "review.most": Text("Escapes at most", "漏检率上限"),
    "review.more": Text("Still needed", "仍需"),
    "review.lists": Text("Parts that a person judged otherwise", "人工与机器判定不一致的工件"),
    "review.overruled.why": Text(
        "Parts of which a person says otherwise than the machine: escapes, overkill and unsure parts together, as the "
        "line view and the shift report count them.",
        "人工判定与机器判定不同的工件：漏检、误判与存疑件合计，与产线画面和班次报告的计数一致。",
    ),
    "review.kind.escape": Text("Escapes", "漏检"),
    "review.kind.overkill": Text("Overkill", "误判"),
    "review.kind.unsure": Text("Unsure, judged by a person", "存疑件的人工判定"),
    "review.kind.escape.count": Text(
        "{n} parts passed that a person found bad: {drawn} of them in the audit, the others came to light otherwise. "
        "The count is no estimate of the rate.",
        "{n} 件放行后被人工判为不良：其中抽检 {drawn} 件，其余由其他途径发现。此计数不代表漏检率。",
    ),
    "review.kind.overkill.count": Text(
        "{n} rejected parts that a person found good: {drawn} of them in the audit, the others in the queue. They are "
        "confirmed one by one; the count is no estimate of the rate.",
        "{n} 件剔除件被人工判为良品：其中抽检 {drawn} 件，其余来自待复核队列。均逐件确认；此计数不代表误判率。",
    ),
    "review.kind.unsure.count": Text(
        "{n} parts that the machine could not judge: {drawn} of them in the audit.",
        "机器无法判定的 {n} 件：其中抽检 {drawn} 件。",
    ),
    "review.kind.none": Text("None so far.", "暂无。"),
    "review.drawn": Text("audit", "抽检"),
    "review.csv": Text("CSV", "CSV 下载"),
    "review.by": Text("{who}, {when}", "{who}，{when}"),
}

REVIEW: Texts = {**PILES, **PART, **LEDGER}
