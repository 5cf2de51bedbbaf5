"""Set-up: recipes."""

from agent.web.catalogue.text import Text, Texts

_FIELDS: Texts = {
    "recipes.field.pipeline": Text("How a part is looked at", "检测方式"),
    "recipes.field.pipeline.help": Text(
        "A model alone; a model that also sees the reference picture; or the difference from the reference alone.",
        "仅用模型；模型同时参照标准图；或不用模型，直接与标准图比较差异。",
    ),
    "recipes.field.model": Text("Model", "模型"),
    "recipes.field.model.help": Text(
        "The bundle that judges, NAME-VERSION. Another one is tried before it may judge; that takes minutes.",
        "执行判定的模型包（名称-版本）。更换后须先通过试验才能判定，需要几分钟。",
    ),
    "recipes.field.model_hash": Text("Pinned model", "锁定模型"),
    "recipes.field.model_hash.help": Text(
        "sha256 of its manifest: another model under this name is refused. Empty: not pinned.",
        "模型清单的 sha256：同名的其他模型将被拒绝。留空则不锁定。",
    ),
    "recipes.field.threshold": Text("Score from which a defect counts", "缺陷计入分数线"),
    "recipes.field.threshold.help": Text(
        "For all classes. Empty: each class has the model's own. Lower finds more, and rejects more good parts.",
        "适用于所有类别。留空则采用模型自带的分数线。越低检出越多，误判良品也越多。",
    ),
    "recipes.field.keep_score": Text("Score from which detections are stored", "检出记录分数线"),
    "recipes.field.keep_score.help": Text(
        "What is below is forgotten: no later threshold can be tried on it.",
        "低于此分数的检出不保存，以后也无法再试用更低的分数线。",
    ),
    "recipes.field.nms_iou": Text("Overlap of one defect", "同一缺陷重叠度"),
    "recipes.field.nms_iou.help": Text(
        "Boxes of a class that overlap by more are one defect.", "同类框重叠超过此值视为同一缺陷。"
    ),
    "recipes.field.max_detections": Text("Most detections", "检出数上限"),
    "recipes.field.max_detections.help": Text(
        "More that could decide make the part UNSURE, never OK.", "超过上限且可能影响结果时判为存疑，绝不判良品。"
    ),
    "recipes.field.quality.min_sharpness": Text("Least sharpness", "清晰度下限"),
    "recipes.field.quality.min_sharpness.help": Text(
        "Variance of the Laplacian inside the inspected regions. Less: UNSURE (blurred).",
        "检测区域内拉普拉斯方差。低于此值判存疑（模糊）。",
    ),
    "recipes.field.quality.min_brightness": Text("Least brightness", "亮度下限"),
    "recipes.field.quality.min_brightness.help": Text(
        "Mean grey level. Less: UNSURE (too dark).", "平均灰度。低于此值判存疑（过暗）。"
    ),
    "recipes.field.quality.max_brightness": Text("Most brightness", "亮度上限"),
    "recipes.field.quality.max_brightness.help": Text(
        "Mean grey level. More: UNSURE (too bright).", "平均灰度。高于此值判存疑（过亮）。"
    ),
    "recipes.field.quality.max_saturated": Text("Most saturation", "过曝比例上限"),
    "recipes.field.quality.max_saturated.help": Text(
        "Share of pixels at the highest grey level. More: UNSURE (saturated).",
        "达到最高灰度的像素占比。超过判存疑（过曝）。",
    ),
    "recipes.field.quality.max_age_ms": Text("Oldest picture", "图像最大延迟"),
    "recipes.field.quality.max_age_ms.help": Text(
        "From grab to the start of the look. Older: UNSURE (stale).",
        "从采集到开始检测的时间。超过判存疑（图像过旧）。",
    ),
    "recipes.field.quality.max_identical": Text("Equal pictures in a row", "连续相同图像"),
    "recipes.field.quality.max_identical.help": Text(
        "So many are believed; with one more the camera is frozen: UNSURE.",
        "允许的张数；再多一张视为相机画面冻结，判存疑。",
    ),
    "recipes.field.unsure": Text("What the line does with UNSURE", "存疑件处理"),
    "recipes.field.unsure.help": Text("A part that could not be judged never passes.", "无法判定的工件绝不放行。"),
    "recipes.field.deadline_ms": Text("Deadline", "判定时限"),
    "recipes.field.deadline_ms.help": Text(
        "From grab to answer. A later verdict is UNSURE (late).", "从采集到给出结果的时间。超时判存疑（超时）。"
    ),
    "recipes.field.evidence_ok_rate": Text("Pictures of good parts kept", "良品图像保存比例"),
    "recipes.field.evidence_ok_rate.help": Text(
        "Share of OK parts. Those of NG and UNSURE parts are always kept.",
        "良品图像的保存占比。不良与存疑的图像始终保存。",
    ),
    "recipes.field.reference.picture": Text("Reference picture", "标准图文件"),
    "recipes.field.reference.picture.help": Text(
        "File beside the recipes in the data folder.", "数据目录中与配方放在一起的文件。"
    ),
    "recipes.field.reference.sha256": Text("Pinned picture", "锁定标准图"),
    "recipes.field.reference.sha256.help": Text(
        "sha256 of the file; empty: pinned when it is read.", "文件的 sha256；留空则读取时锁定。"
    ),
    "recipes.field.reference.max_shift_px": Text("Most shift", "最大平移"),
    "recipes.field.reference.max_shift_px.help": Text(
        "Of the part's middle, along x and along y. More: UNSURE (misaligned).",
        "工件中心沿 x、y 的偏移。超过判存疑（未对准）。",
    ),
    "recipes.field.reference.max_rotation_deg": Text("Most turn", "最大旋转"),
    "recipes.field.reference.max_rotation_deg.help": Text("Either way.", "正反方向均适用。"),
    "recipes.field.reference.max_scale": Text("Most change of size", "最大缩放"),
    "recipes.field.reference.max_scale.help": Text(
        "Share that the part may be larger or smaller.", "工件放大或缩小的允许比例。"
    ),
    "recipes.field.reference.min_fit": Text("Least fit", "最低吻合度"),
    "recipes.field.reference.min_fit.help": Text(
        "Likeness of the aligned part's edges to the reference's.", "对准后工件边缘与标准图的相似度。"
    ),
    "recipes.field.reference.max_differing": Text("Most difference", "最大差异面积"),
    "recipes.field.reference.max_differing.help": Text(
        "Share of the inspected area that may differ.", "检测区域内允许不同的面积占比。"
    ),
    "recipes.field.reference.min_cover": Text("Least cover", "最低覆盖"),
    "recipes.field.reference.min_cover.help": Text(
        "Share of the inspected area that the picture must show.", "图像必须覆盖的检测区域占比。"
    ),
    "recipes.field.difference.contrast": Text("Contrast of a difference", "差异灰度阈值"),
    "recipes.field.difference.contrast.help": Text(
        "Grey levels from which a pixel differs.", "像素灰度相差达到此值视为不同。"
    ),
    "recipes.field.difference.opening_px": Text("Opening", "开运算边长"),
    "recipes.field.difference.opening_px.help": Text(
        "Side of the square that wipes out thin differences; 1: none.", "用于去除细小差异的方形边长；1 表示不使用。"
    ),
    "recipes.field.difference.min_area_px": Text("Least area", "最小面积"),
    "recipes.field.difference.min_area_px.help": Text("Smaller blobs do not count.", "更小的斑块不计入。"),
    "recipes.field.tiles.on": Text("Cut large pictures into tiles", "大图分块检测"),
    "recipes.field.tiles.size_px": Text("Side of a tile", "分块边长"),
    "recipes.field.tiles.size_px.help": Text("On the picture.", "以图像像素计。"),
    "recipes.field.tiles.overlap_px": Text("Overlap of tiles", "分块重叠"),
    "recipes.field.tiles.overlap_px.help": Text(
        "At least the largest defect's longest side, at most half a tile.",
        "至少为最大缺陷的长边，最多为分块边长的一半。",
    ),
    "recipes.field.classes.threshold": Text("Score", "分数线"),
    "recipes.field.classes.min_size_px": Text("Least size", "最小尺寸"),
    "recipes.field.classes.allowed": Text("Allowed", "允许个数"),
    "recipes.field.require": Text("Must be seen", "必须检出"),
    "recipes.field.regions": Text("Region", "区域"),
    "recipes.choice.detect": Text("Model", "模型"),
    "recipes.choice.guided": Text("Model and reference", "模型 + 标准图"),
    "recipes.choice.difference": Text("Difference from the reference, no model", "与标准图比较（无模型）"),
    "recipes.choice.reject": Text("Reject", "剔除"),
    "recipes.choice.divert": Text("Divert for a person", "分流待人工复判"),
    "recipes.choice.stop": Text("Stop the line", "停线"),
}

_WRONG: Texts = {
    "recipes.wrong.number": Text("“{said}” is not a number", "“{said}”不是数字"),
    "recipes.wrong.whole": Text("“{said}” is not a whole number", "“{said}”不是整数"),
    "recipes.wrong.long": Text("too long: at most {most}", "过长：最多 {most}"),
    "recipes.wrong.points": Text(
        "not a polygon: three or more corners “x,y” in percent", "不是多边形：至少三个“x,y”顶点（百分比）"
    ),
    "recipes.wrong.above": Text("is {said}, must be above {limit}", "为 {said}，必须大于 {limit}"),
    "recipes.wrong.least": Text("is {said}, must be at least {limit}", "为 {said}，不得小于 {limit}"),
    "recipes.wrong.below": Text("is {said}, must be below {limit}", "为 {said}，必须小于 {limit}"),
    "recipes.wrong.most": Text("is {said}, must be at most {limit}", "为 {said}，不得大于 {limit}"),
    "recipes.wrong.few": Text("too few: at least {limit}", "过少：至少 {limit} 个"),
    "recipes.wrong.many": Text("too many: at most {limit}", "过多：最多 {limit} 个"),
    "recipes.wrong.empty": Text("is empty", "不能为空"),
    "recipes.wrong.order": Text("the least brightness must be below the most", "亮度下限必须小于上限"),
    "recipes.wrong.overlap": Text("the overlap must be at most half of the side", "重叠不得超过分块边长的一半"),
    "recipes.wrong.unwanted": Text("this way of looking takes none: leave it empty", "该检测方式不使用此项：请留空"),
    "recipes.wrong.missing": Text("is needed", "必填"),
    "recipes.wrong.pattern": Text("“{said}” does not match {limit}", "“{said}”不符合 {limit}"),
    "recipes.wrong.choice": Text("“{said}”: allowed are {limit}", "“{said}”：可选 {limit}"),
}

RECIPES: Texts = {
    **_FIELDS,
    **_WRONG,
    "nav.recipes": Text("Recipes", "配方"),
    "recipes.title": Text("Recipes", "配方"),
    "recipes.lead": Text(
        "How each product is judged. A saved recipe is a new version: applied between two parts, undone with one tap.",
        "每种产品的判定方法。每次保存产生新版本：在两个工件之间生效，可一键撤回。",
    ),
    "recipes.name": Text("Recipe", "配方"),
    "recipes.lanes": Text("Judges on", "使用通道"),
    "recipes.lanes.none": Text("not in use", "未使用"),
    "recipes.version": Text("Version", "版本"),
    "recipes.state.good": Text("Usable", "可用"),
    "recipes.state.bad": Text("Cannot be used", "不可用"),
    "recipes.shipped": Text("comes with okng", "随 okng 提供"),
    "recipes.new": Text("New recipe", "新建配方"),
    "recipes.new.name": Text("Name", "名称"),
    "recipes.new.name.help": Text("Lower case letters, digits, - _ .", "小写字母、数字、- _ ."),
    "recipes.new.from": Text("Begin with a copy of", "复制自"),
    "recipes.new.make": Text("Make", "创建"),
    "recipes.new.taken": Text("there is a recipe {name} already", "配方 {name} 已存在"),
    "recipes.new.wrong": Text(
        "“{name}”: allowed are lower case letters, digits, - _ .", "“{name}”：只允许小写字母、数字、- _ ."
    ),
    "recipes.all": Text("All recipes", "全部配方"),
    "recipes.group.model": Text("Model", "模型"),
    "recipes.group.scores": Text("Thresholds", "分数线"),
    "recipes.group.classes": Text("By defect class", "按缺陷类别"),
    "recipes.group.regions": Text("Regions", "区域"),
    "recipes.group.quality": Text("What a picture must be like", "图像质量要求"),
    "recipes.group.quality.lead": Text(
        "Outside of these limits a part is UNSURE, whatever was found on it.",
        "超出以下限值，无论检出什么一律判存疑。",
    ),
    "recipes.group.outcome": Text("Answer", "结果输出"),
    "recipes.group.reference": Text("Reference picture", "标准图"),
    "recipes.group.difference": Text("Difference from the reference", "标准图差异"),
    "recipes.group.tiles": Text("Tiles", "分块"),
    "recipes.group.further": Text("Reference picture, difference, tiles", "标准图、差异、分块"),
    "recipes.classes.lead": Text(
        "Empty: the score above, any size, none allowed. “Must be seen” is for what a good part has: fewer are NG.",
        "留空：采用上面的分数线，不限尺寸，不允许出现。“必须检出”用于良品应有的部件：少于此数判不良。",
    ),
    "recipes.classes.none": Text("The model is not here: its classes are not known.", "模型不在本机，无法得知其类别。"),
    "recipes.class": Text("Class", "类别"),
    "recipes.default": Text("default {value}", "默认 {value}"),
    "recipes.default.model": Text("the model's: {value}", "模型默认：{value}"),
    "recipes.regions.lead": Text(
        "Without an inspected region the whole picture counts. In a masked one nothing does.",
        "没有检测区域时，整幅图像均计入；屏蔽区域内一律不计。",
    ),
    "recipes.regions.reference": Text(
        "They are drawn on the reference picture: parts are laid over it.", "在标准图上绘制：工件会与其对准。"
    ),
    "recipes.regions.nopicture": Text(
        "No picture of this recipe was kept yet. Regions can be typed below.",
        "尚无该配方的保存图像，可在下方输入区域坐标。",
    ),
    "recipes.regions.picture": Text("Regions on the picture", "图像上的区域"),
    "recipes.regions.rectangle": Text("Rectangle", "矩形"),
    "recipes.regions.polygon": Text("Polygon", "多边形"),
    "recipes.regions.polygon.hint": Text(
        "Tap the corners one after the other; tap the first one again to close.",
        "依次点击各顶点；再次点击第一个顶点完成。",
    ),
    "recipes.regions.rectangle.hint": Text("Drag from corner to corner.", "从一角拖到对角。"),
    "recipes.regions.corner": Text("Add a corner", "添加顶点"),
    "recipes.regions.remove": Text("Remove", "删除"),
    "recipes.regions.undo": Text("Undo", "撤销"),
    "recipes.regions.kind": Text("Kind", "类型"),
    "recipes.regions.inspect": Text("Inspect", "检测"),
    "recipes.regions.ignore": Text("Mask", "屏蔽"),
    "recipes.regions.name": Text("Name", "名称"),
    "recipes.regions.points": Text("Corners x,y in % of the picture", "顶点 x,y（占图像百分比）"),
    "recipes.regions.said": Text("{name}, {kind}, {n} corners", "{name}，{kind}，{n} 个顶点"),
    "recipes.regions.corner.said": Text("{name}, corner {n}", "{name}，顶点 {n}"),
    "recipes.regions.new.inspect": Text("region", "检测区"),
    "recipes.regions.new.ignore": Text("mask", "屏蔽区"),
    "recipes.regions.keys": Text(
        "Keys: Tab chooses a region or corner, arrows move it (Shift: faster), Delete removes it, + adds a corner.",
        "键盘：Tab 选择区域或顶点，方向键移动（Shift 加快），Delete 删除，+ 添加顶点。",
    ),
    "recipes.try": Text("Try on the last {n} parts", "用最近 {n} 件试判"),
    "recipes.save": Text("Save and apply", "保存并生效"),
    "recipes.saving": Text(
        "It judges from the next part on. A new model is tried first, which takes minutes.",
        "从下一件起生效。新模型须先试验，需要几分钟。",
    ),
    "recipes.saved": Text("Version {number} is saved and judges.", "版本 {number} 已保存并生效。"),
    "recipes.saved.idle": Text(
        "Version {number} is saved. No lane judges by it.", "版本 {number} 已保存，目前没有通道使用。"
    ),
    "recipes.wrong": Text(
        "Nothing was saved. What is wrong stands beside its field.", "未保存。错误已标在相应字段旁。"
    ),
    "recipes.refused": Text("Nothing was saved, and every lane judges as before:", "未保存，各通道照旧判定："),
    "recipes.unheard": Text("The station cannot be asked: {why}", "无法联系检测站：{why}"),
    "recipes.broken": Text(
        "The file cannot be used as it stands; the last good version judges.",
        "该文件目前不可用；仍按上一个可用版本判定。",
    ),
    "recipes.judges.other": Text(
        "On lane {lane} model {model} judges: it was activated after the recipe was written.",
        "通道 {lane} 由模型 {model} 判定：它是在配方写成之后启用的。",
    ),
    "recipes.readonly": Text("Only an engineer changes recipes.", "只有工程师可以修改配方。"),
    "recipes.conflict": Text(
        "{who} saved this recipe at {when}, while you had it open.", "您打开期间，{who} 于 {when} 保存了此配方。"
    ),
    "recipes.conflict.hand": Text(
        "The recipe's file was changed while you had it open.", "您打开期间，配方文件已被修改。"
    ),
    "recipes.conflict.lead": Text(
        "Nothing of either is lost. Below is what you typed; here is what differs.",
        "双方内容都没有丢失。下面是您填写的内容，差异如下。",
    ),
    "recipes.conflict.none": Text("Both say the same.", "两者内容相同。"),
    "recipes.conflict.theirs": Text("As it stands", "现有内容"),
    "recipes.conflict.mine": Text("As you typed it", "您的内容"),
    "recipes.conflict.take": Text("Drop mine, show theirs", "放弃我的，查看现有"),
    "recipes.conflict.save": Text("Save mine over theirs", "用我的覆盖"),
    "recipes.option": Text("Option", "选项"),
    "recipes.nothing": Text("none", "无"),
    "recipes.on": Text("on", "开"),
    "recipes.off": Text("off", "关"),
    "recipes.unset": Text("default", "默认"),
    "recipes.tried": Text("What would change", "试判结果"),
    "recipes.tried.same": Text("All {n} parts would be judged as they were.", "{n} 件的结果全部不变。"),
    "recipes.tried.some": Text(
        "{changed} of {n} parts would be judged differently.", "{n} 件中有 {changed} 件结果会改变。"
    ),
    "recipes.tried.none": Text("No part was judged by this recipe yet.", "尚无按此配方判定的工件。"),
    "recipes.tried.before": Text("As it was", "原结果"),
    "recipes.tried.after": Text("By these rules", "按新配方"),
    "recipes.tried.move": Text("{before} → {after}: {n}", "{before} → {after}：{n}"),
    "recipes.tried.skipped": Text(
        "{n} could not be tried: the station's own faults, or a model that is gone.",
        "{n} 件无法试判：检测站自身原因，或模型已不在。",
    ),
    "recipes.tried.floor": Text(
        "Detections under {score} were not stored: the real number of defects found may be higher.",
        "低于 {score} 的检出未保存：实际检出可能更多。",
    ),
    "recipes.tried.regions": Text(
        "Brightness and sharpness are those measured in the old regions.", "亮度与清晰度为旧区域内的测量值。"
    ),
    "recipes.tried.looks": Text(
        "These options change the look itself, which stored results cannot tell; `okng backtest` replays the pictures:",
        "以下选项改变检测本身，无法由已存结果推断；可用 `okng backtest` 重新检测图像：",
    ),
    "recipes.versions": Text("Versions", "历史版本"),
    "recipes.versions.none": Text("Nothing was saved here yet.", "尚未在此保存过。"),
    "recipes.versions.now": Text("in force", "当前"),
    "recipes.versions.saved": Text("saved by {who}", "{who} 保存"),
    "recipes.versions.undone": Text("{who} went back to version {of}", "{who} 恢复到版本 {of}"),
    "recipes.versions.found": Text("written into the file by hand", "手工写入文件"),
    "recipes.versions.first": Text("The first version kept.", "最早保留的版本。"),
    "recipes.versions.same": Text("The same options, other comments.", "选项相同，仅注释不同。"),
    "recipes.versions.changed": Text("{option}: {before} → {after}", "{option}：{before} → {after}"),
    "recipes.versions.text": Text("Text of the file", "文件内容"),
    "recipes.versions.back": Text("Go back to it", "恢复此版本"),
    "recipes.versions.older": Text("Older versions", "更早版本"),
    "recipes.nobody": Text("somebody", "某人"),
    "recipes.comments": Text(
        "Comments inside the file stay in the version before; those at its head stay.",
        "文件内部的注释保留在上一版本；文件开头的注释会保留。",
    ),
    "event.recipe_saved": Text("Recipe saved", "配方已保存"),
    "act.recipes.saved": Text("Recipe saved", "保存配方"),
    "act.recipes.undone": Text("Recipe taken back to an older version", "配方恢复到旧版本"),
    "act.recipes.made": Text("Recipe made", "新建配方"),
}
