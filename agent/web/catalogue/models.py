"""Texts of the set-up's pages of models: who judges, what has come, backtests; and of recording everything."""

from agent.web.catalogue.text import Text, Texts

STATION: Texts = {
    "alarm.recording_trouble": Text("Recording: pictures cannot be kept", "录制：图像无法保存"),
    "advice.recording_trouble": Text(
        "Judging goes on. Check the folder or share of record_folder; it is tried again by itself.",
        "判定继续进行。请检查 record_folder 的文件夹或网络共享；会自动重试。",
    ),
    "event.recording_begun": Text("Recording begun", "开始录制"),
    "event.recording_ended": Text("Recording ended", "录制结束"),
    "event.backtest_begun": Text("Backtest begun", "开始回测"),
    "event.backtest_ended": Text("Backtest ended", "回测结束"),
}

ACTS: Texts = {
    "act.models.import": Text("imported a model", "导入了模型"),
    "act.models.activate": Text("activated a model", "启用了模型"),
    "act.models.rollback": Text("rolled a model back", "回退了模型"),
    "act.models.shadow": Text("began or ended a shadow", "开始或结束了影子运行"),
    "act.models.canary": Text("began or ended a canary", "开始或结束了金丝雀运行"),
    "act.models.seen": Text("dealt with the parts of a model that was taken back", "处理了被撤回模型判定的工件"),
    "act.models.backtest": Text("began or ended a backtest", "开始或结束了回测"),
    "act.models.record": Text("began to record everything", "开始全量录制"),
    "act.models.record_end": Text("ended a recording", "结束了录制"),
}

JUDGES: Texts = {
    "nav.models": Text("Models", "模型"),
    "models.title": Text("Models", "模型"),
    "models.unheard": Text("The station does not answer: {why}", "工位无响应：{why}"),
    "models.judges": Text("Who judges", "当前判定模型"),
    "models.recipe": Text("Recipe {recipe}", "配方 {recipe}"),
    "models.nolane": Text("no lane judges by it", "没有通道使用"),
    "models.since": Text("since {moment}", "自 {moment} 起"),
    "models.byfile": Text("as its file says", "按配方文件"),
    "models.trial": Text("new, being watched", "新启用，观察中"),
    "models.before": Text("Good ones before it: {models}", "之前的良好版本：{models}"),
    "models.back": Text("{model} was taken back", "{model} 已被撤回"),
    "models.hold": Text(
        "Hold and check again: it judged {parts} parts and passed {passed} of them.",
        "请封存并复检：它判定了 {parts} 件，其中放行 {passed} 件。",
    ),
    "models.hold.csv": Text("Parts to hold (CSV)", "待封存工件（CSV）"),
    "models.seen": Text("Dealt with", "已处理"),
    "models.known": Text("It is known: end the alarm", "已知悉，解除报警"),
    "models.rollback": Text("Back to {model}", "回退到 {model}"),
    "models.rollback.ask": Text(
        "Let {model} judge again, from the next part on?", "从下一件起改由 {model} 判定，确定吗？"
    ),
    "models.shadow": Text("Shadow", "影子"),
    "models.canary": Text("Canary", "金丝雀"),
    "models.shadow.off": Text("End the shadow", "结束影子运行"),
    "models.canary.off": Text("End the canary", "结束金丝雀运行"),
    "models.canary.trouble": Text("The canary has ended by itself: {why}", "金丝雀运行已自行结束：{why}"),
    "models.canary.of": Text("{share} % of the parts", "{share} % 的工件"),
    "models.beside.starting": Text("starting", "启动中"),
    "models.beside.judging": Text("judging beside", "并行判定中"),
    "models.compared": Text("Compared", "已比较"),
    "models.agreed": Text("Agreed", "一致"),
    "models.rejects_more": Text("Would reject", "会多剔除"),
    "models.passes_more": Text("Would pass", "会多放行"),
    "models.dropped": Text("Not judged", "未判定"),
    "models.dropped.why": Text("Why parts were not judged beside:", "未判定的原因："),
    "models.dropped.busy": Text(
        "{parts}: it was still busy, and a newer part had come", "{parts} 件：影子仍在处理，已有更新的工件到来"
    ),
    "models.dropped.away": Text(
        "{parts}: its process was loading, had ended or hung", "{parts} 件：影子进程正在加载、已退出或无响应"
    ),
    "models.dropped.unseen": Text(
        "{parts}: triggered before it was there, or not judged by the active model either",
        "{parts} 件：在影子就绪之前触发，或当前模型也未能判定",
    ),
    "models.dropped.late": Text(
        "{parts}: too late already when it would have begun", "{parts} 件：轮到该模型判定时已超时"
    ),
    "models.restarts": Text("Restarts", "重启次数"),
    "models.errors": Text("Errors", "错误"),
    "models.p99": Text("p99 {ms} ms", "p99 {ms} 毫秒"),
    "models.act.import": Text("Import of", "导入"),
    "models.act.activate": Text("Activation of", "启用"),
    "models.act.rollback": Text("Rollback of recipe", "回退配方"),
    "models.act.shadow": Text("Shadow", "影子运行"),
    "models.act.canary": Text("Canary", "金丝雀运行"),
    "models.errand.running": Text("running …", "进行中……"),
    "models.errand.done": Text("done", "已完成"),
    "models.errand.refused": Text("refused", "被拒绝"),
    "models.insist": Text("Do it all the same", "仍然执行"),
    "models.open": Text("Open it", "打开"),
    "models.done.import": Text(
        "{model} has proven itself on {device}. It judges nobody yet.",
        "{model} 已在 {device} 上通过验证，尚未参与判定。",
    ),
    "models.done.activate": Text(
        "{model} judges by recipe {recipe} from now on: {lanes}.", "{model} 现在按配方 {recipe} 判定：{lanes}。"
    ),
    "models.done.rollback": Text(
        "{model} was taken back, {to} judges. Hold {parts} parts, {passed} of them passed.",
        "{model} 已撤回，由 {to} 判定。请封存 {parts} 件，其中 {passed} 件已放行。",
    ),
}

SHELF: Texts = {
    "models.import": Text("Import a model", "导入模型"),
    "models.import.why": Text(
        "A signed .okng file of at most {mb} MB. The station checks it and tries it on each device; it judges nobody "
        "before it is activated.",
        "已签名的 .okng 文件，最大 {mb} MB。工位会检查并在每个设备上试运行；启用之前不参与判定。",
    ),
    "models.import.file": Text("File", "文件"),
    "models.import.send": Text("Upload", "上传"),
    "models.import.progress": Text("Sent", "上传进度"),
    "models.import.large": Text("The file is larger than {mb} MB.", "文件大于 {mb} MB。"),
    "models.import.broken": Text("The connection broke off: nothing was kept.", "连接中断，未保留任何内容。"),
    "models.import.noscript": Text(
        "Uploading needs JavaScript; without it: okng model import FILE.",
        "上传需要 JavaScript；或使用 okng model import 文件名。",
    ),
    "models.all": Text("All models", "全部模型"),
    "models.none": Text("No model is here.", "没有模型。"),
    "models.name": Text("Model", "模型"),
    "models.gate": Text("Proven on", "已验证设备"),
    "models.size": Text("Size", "大小"),
    "models.labels": Text("Classes", "类别"),
    "models.used": Text("Used for", "用途"),
    "models.source": Text("Source", "来源"),
    "models.source.bundled": Text("comes with okng", "随 okng 提供"),
    "models.source.installed": Text("installed", "已安装"),
    "models.source.elsewhere": Text("elsewhere", "其他位置"),
    "models.signed": Text("signed by {by}", "签名：{by}"),
    "models.untried": Text("not tried yet", "尚未试运行"),
    "models.condemned": Text("Taken back for recipe {recipe}", "在配方 {recipe} 中被撤回"),
    "models.first": Text("To the beginning", "回到开头"),
    "models.next": Text("More models", "更多模型"),
    "models.facts": Text("What it says of itself", "模型信息"),
    "models.signature": Text("Signature", "签名"),
    "models.threshold": Text("Threshold", "阈值"),
    "models.thresholds": Text("Thresholds by class", "各类别阈值"),
    "models.input": Text("Input", "输入"),
    "models.promise": Text("Promise", "承诺指标"),
    "models.data": Text("Trained on", "训练数据"),
    "models.licence": Text("Licence", "许可证"),
    "models.gates": Text("What this box's devices made of it", "本机设备验证结果"),
    "models.device": Text("Device", "设备"),
    "models.proof": Text("Golden pictures", "金样验证"),
    "models.passed": Text("passed", "通过"),
    "models.p50.head": Text("p50, ms", "p50，毫秒"),
    "models.p99.head": Text("p99, ms", "p99，毫秒"),
    "models.memory": Text("Memory", "内存"),
    "models.use": Text("Let it judge", "投入使用"),
    "models.judged.by": Text("{model} judges now.", "当前由 {model} 判定。"),
    "models.is.active": Text("This model judges.", "当前由本模型判定。"),
    "models.differ": Text("It does not find the same as the model that judges", "与当前模型的判定内容不同"),
    "models.differ.more": Text("Classes that are new: {labels}", "新增类别：{labels}"),
    "models.differ.fewer": Text("Classes that it does not know: {labels}", "不再识别的类别：{labels}"),
    "models.differ.limits": Text("Other thresholds: {limits}", "阈值不同：{limits}"),
    "models.differ.do": Text(
        "Say below that its verdicts will differ, or the watch on new models may take it back.",
        "请在下方勾选“判定结果会变化”，否则新模型观察可能将其撤回。",
    ),
    "models.expect": Text("Its verdicts will differ: watch errors and time only", "判定结果会变化：只观察错误和耗时"),
    "models.activate": Text("Activate", "启用"),
    "models.activate.ask": Text(
        "Let {model} judge by recipe {recipe}, from the next part on?",
        "从下一件起由 {model} 按配方 {recipe} 判定，确定吗？",
    ),
    "models.shadow.on": Text("Begin a shadow", "开始影子运行"),
    "models.canary.on": Text("Begin a canary", "开始金丝雀运行"),
    "models.share": Text("Share, %", "比例，%"),
    "models.beside.why": Text(
        "Shadow: judges beside, nobody is told. Canary: of a share of the parts, one passes only if both models "
        "pass it.",
        "影子：并行判定，不影响结果。金丝雀：对一部分工件，两个模型都放行才放行。",
    ),
    "models.agreement": Text("As a shadow: what was decided, and what it said", "影子运行：实际判定与该模型的判定"),
    "models.agreement.why": Text(
        "The newest {parts} parts that it judged beside, those before a restart too.",
        "最近并行判定的 {parts} 件工件，包括重启之前的。",
    ),
    "models.disagreed": Text("Where the shadow came to another verdict", "影子模型判定不同的工件"),
    "models.disagreed.why": Text(
        "The newest first: what was decided, and what it would have been.", "最新在前：实际判定与该模型的判定。"
    ),
}

TRIED: Texts = {
    "models.backtest": Text("Backtest", "回测"),
    "models.backtest.why": Text(
        "What it would have said of stored parts. It runs at the lowest priority beside the line.",
        "用已存图像检验该模型会如何判定。以最低优先级在产线旁运行。",
    ),
    "models.backtest.lane": Text("Lane", "通道"),
    "models.backtest.recipe": Text("Recipe", "配方"),
    "models.any": Text("all", "全部"),
    "models.backtest.limit": Text("At most so many parts", "最多件数"),
    "models.backtest.lossy": Text("JPEGs too, counted apart", "也包括 JPEG（单独统计）"),
    "models.backtest.begin": Text("Begin the backtest", "开始回测"),
    "models.backtest.end": Text("End it, with what was replayed", "结束并保留已回放的结果"),
    "models.backtest.far": Text("{done} / {total}", "第 {done} 件，共 {total} 件"),
    "models.backtest.progress": Text("Parts replayed", "已回放工件"),
    "models.backtest.when": Text("Begun", "开始时间"),
    "models.backtest.parts": Text("Parts", "件数"),
    "models.backtest.rejects": Text("More rejects", "多剔除"),
    "models.backtest.passes": Text("More passes", "多放行"),
    "models.backtest.upto": Text(
        "Parts captured up to {until}: {parts} replayed in {s}.",
        "截至 {until} 拍摄的工件：回放 {parts} 件，用时 {s}。",
    ),
    "models.backtest.span": Text(
        "Parts captured from {since} to {until}: {parts} replayed in {s}.",
        "拍摄于 {since} 至 {until} 的工件：回放 {parts} 件，用时 {s}。",
    ),
    "models.backtest.early": Text("Ended early: what was replayed is a fair draw.", "提前结束：已回放的仍是公平抽样。"),
    "models.backtest.page": Text("Page with the pictures", "含图像的报告"),
    "models.guess": Text(
        "{low} to {high} of {known}; {seen} of {drawn} replayed",
        "共 {known} 件，区间 {low} 至 {high}；回放 {drawn} 件中有 {seen} 件",
    ),
    "models.guess.none": Text("nothing was drawn of {known}", "{known} 件中没有抽样图像"),
    "models.would.reject": Text("Would reject, now OK", "会多剔除（现为良品）"),
    "models.would.pass": Text("Would pass, now NG", "会多放行（现为不良）"),
    "models.would.pass_unsure": Text("Would pass, now UNSURE", "会多放行（现为存疑）"),
    "models.table": Text("Was and would be", "原判与新判"),
    "models.was": Text("Was", "原判"),
    "models.would.be": Text("would be", "新判"),
    "models.truth": Text("Against what persons said in audits", "与人工审核对比"),
    "models.truth.bad": Text("Bad parts ({parts})", "不良件（{parts}）"),
    "models.truth.good": Text("Good parts ({parts})", "良品件（{parts}）"),
    "models.truth.says": Text(
        "only the active one right {active}, only this one {candidate}",
        "仅当前模型正确 {active}，仅本模型正确 {candidate}",
    ),
    "models.changed": Text("Parts that it would decide otherwise", "判定会改变的工件"),
}

RECORD: Texts = {
    "nav.record": Text("Record", "录制"),
    "record.title": Text("Record everything", "全量录制"),
    "record.why": Text(
        "Every picture of a lane is kept for a while, with what was said of it: for training and for support. Judging "
        "goes first; what the folder cannot take is counted and let go.",
        "在一段时间内保存通道的每一张图像及其判定，用于训练和支持。判定优先；文件夹来不及写入的会计数并丢弃。",
    ),
    "record.nofolder": Text(
        "No folder is configured: set record_folder below [evidence] in station.toml.",
        "未配置文件夹：请在 station.toml 的 [evidence] 中设置 record_folder。",
    ),
    "record.running": Text("recording", "录制中"),
    "record.ended.time": Text("ended by its time", "到时结束"),
    "record.ended.stopped": Text("stopped", "已停止"),
    "record.ended.room": Text("ended: no room", "空间不足，已结束"),
    "record.ended.station": Text("ended with the station", "随工位停止而结束"),
    "record.left": Text("Time left", "剩余时间"),
    "record.until": Text("until {clock}", "至 {clock}"),
    "record.kept": Text("Pictures", "图像"),
    "record.size": Text("Size", "大小"),
    "record.dropped": Text("Not kept", "未保存"),
    "record.stop": Text("Stop", "停止"),
    "record.begin": Text("Record a lane", "录制通道"),
    "record.lane": Text("Lane", "通道"),
    "record.minutes": Text("For how long", "时长"),
    "record.min": Text("{n} min", "{n} 分钟"),
    "record.folder": Text("Folder", "文件夹"),
    "record.format": Text("Pictures as", "图像格式"),
    "record.png": Text("PNG, lossless", "PNG（无损）"),
    "record.jpeg": Text("JPEG, with losses", "JPEG（有损）"),
    "record.reserve": Text("Ends when free space falls to", "剩余空间降至此值时结束"),
    "record.start": Text("Start recording", "开始录制"),
}

MODELS: Texts = {**STATION, **ACTS, **JUDGES, **SHELF, **TRIED, **RECORD}
