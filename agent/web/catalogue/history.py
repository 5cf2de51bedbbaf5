"""Texts of the history and of one part's page."""

from agent.web.catalogue.text import Text, Texts

HISTORY: Texts = {
    "title.history": Text("History", "历史记录"),
    "history.ranges": Text("Span of time", "时间范围"),
    "history.more": Text("More filters", "更多条件"),
    "history.count": Text("{n} parts", "共 {n} 件"),
    "history.count.one": Text("{n} part", "共 {n} 件"),
    "history.count.more": Text("More than {n} parts", "超过 {n} 件"),
    "history.csv.cut": Text("The newest {n} parts", "仅最新 {n} 件"),
    "history.view.table": Text("As a table", "列表显示"),
    "history.view.grid": Text("As pictures", "缩略图显示"),
    "history.pages": Text("Pages", "分页"),
    "range.hour": Text("Last hour", "最近一小时"),
    "range.shift": Text("This shift", "本班次"),
    "range.today": Text("Today", "今日"),
    "range.yesterday": Text("Yesterday", "昨日"),
    "range.week": Text("7 days", "近 7 天"),
    "filter.overridden": Text("Overruled by a person", "人工改判"),
    "person.ok": Text("Person: OK", "人工：OK"),
    "person.ng": Text("Person: NG", "人工：NG"),
}

ONE_PART: Texts = {
    "part.neighbours": Text("Parts before and after", "前后工件"),
    "part.blind": Text("In a blind audit: shown after the review.", "盲检中：复核后显示。"),
    "part.review": Text("Review", "复核"),
    "part.reviews": Text("What persons said", "人工复核"),
    "part.overridden": Text(
        "A person overruled the machine; its verdict stays on record.", "已由人工改判；机器判定仍保留在记录中。"
    ),
    "part.opinions": Text("Second models", "对比模型"),
    "part.place": Text("Place, px", "位置（像素）"),
    "part.size": Text("Size, px", "尺寸（像素）"),
    "part.found.more": Text("and {n} more", "另有 {n} 个"),
    "part.recipe_then": Text("The recipe as it was", "当时的配方"),
    "opinion.shadow": Text("shadow", "影子运行"),
    "opinion.canary": Text("canary", "金丝雀运行"),
    "stratum.audit": Text("audit", "抽检"),
    "stratum.queue": Text("review", "复核"),
    "stratum.import": Text("imported", "导入"),
    "zoom.in": Text("Larger", "放大"),
    "zoom.out": Text("Smaller", "缩小"),
    "zoom.fit": Text("Whole picture", "显示整幅"),
    "zoom.help": Text(
        "Picture: plus and minus make it larger and smaller, the arrow keys move it, 0 shows all of it",
        "图像：加减键缩放，方向键移动，0 显示整幅",
    ),
    "field.revision": Text("Recipe revision", "配方版本"),
    "field.model_hash": Text("Model hash", "模型哈希"),
}
