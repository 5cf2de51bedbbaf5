"""Texts about parts: verdicts, rules, defect classes, stages."""

from agent.web.catalogue.text import Text, Texts

VERDICTS: Texts = {
    "part.blind.short": Text("Blind audit", "盲检中"),
    "verdict.OK": Text("OK", "OK"),
    "verdict.NG": Text("NG", "NG"),
    "verdict.UNSURE": Text("UNSURE", "存疑"),
    "verdict.OK.sub": Text("Good part", "合格"),
    "verdict.NG.sub": Text("Bad part", "不合格"),
    "verdict.UNSURE.sub": Text("Could not be judged", "无法判定"),
}

RULES: Texts = {
    "rule.defect": Text("Defect", "缺陷"),
    "rule.defect.why": Text("score {measured}, limit {limit}", "得分 {measured}，限值 {limit}"),
    "rule.missing": Text("Missing", "缺件"),
    "rule.missing.why": Text("seen {measured}, needed {limit}", "检出 {measured}，要求 {limit}"),
    "rule.too_dark": Text("Too dark", "过暗"),
    "rule.too_dark.why": Text("brightness {measured}, at least {limit}", "亮度 {measured}，下限 {limit}"),
    "rule.too_bright": Text("Too bright", "过亮"),
    "rule.too_bright.why": Text("brightness {measured}, at most {limit}", "亮度 {measured}，上限 {limit}"),
    "rule.saturated": Text("Overexposed", "过曝"),
    "rule.saturated.why": Text(
        "{measured} of the pixels at white, at most {limit}", "饱和像素 {measured}，上限 {limit}"
    ),
    "rule.blurred": Text("Blurred", "模糊"),
    "rule.blurred.why": Text("sharpness {measured}, at least {limit}", "清晰度 {measured}，下限 {limit}"),
    "rule.stale": Text("Picture too old", "图像过旧"),
    "rule.stale.why": Text("{measured} ms old, at most {limit} ms", "已过 {measured} 毫秒，上限 {limit} 毫秒"),
    "rule.frozen": Text("Picture frozen", "图像冻结"),
    "rule.frozen.why": Text(
        "{measured} equal pictures in a row, at most {limit}", "连续相同 {measured} 帧，上限 {limit}"
    ),
    "rule.incomplete": Text("Picture incomplete", "图像不完整"),
    "rule.incomplete.why": Text("{measured} of {limit}", "{measured} / {limit}"),
    "rule.wrong_size": Text("Wrong picture size", "图像尺寸不符"),
    "rule.wrong_size.why": Text("{measured} px instead of {limit} px", "{measured} 像素，应为 {limit} 像素"),
    "rule.unreadable": Text("Picture unreadable", "图像无法读取"),
    "rule.unreadable.why": Text("{measured} of {limit}", "{measured} / {limit}"),
    "rule.misaligned": Text("Does not fit its reference", "与基准图不符"),
    "rule.misaligned.why": Text("measured {measured}, limit {limit}", "实测 {measured}，限值 {limit}"),
    "rule.late": Text("Too late", "超时"),
    "rule.late.why": Text("{measured} ms, deadline {limit} ms", "{measured} 毫秒，时限 {limit} 毫秒"),
    "rule.not_ready": Text("Station not ready", "工位未就绪"),
    "rule.not_ready.why": Text("{measured} of {limit}", "{measured} / {limit}"),
    "rule.interrupted": Text("Interrupted", "判定中断"),
    "rule.interrupted.why": Text("{measured} of {limit}", "{measured} / {limit}"),
    "rule.error": Text("Error while judging", "判定出错"),
    "rule.error.why": Text("{measured} of {limit}", "{measured} / {limit}"),
}

LABELS: Texts = {
    "label.open": Text("Open", "开路"),
    "label.short": Text("Short", "短路"),
    "label.mousebite": Text("Mouse bite", "鼠咬"),
    "label.spur": Text("Spur", "毛刺"),
    "label.copper": Text("Spurious copper", "余铜"),
    "label.pin-hole": Text("Pin hole", "针孔"),
}
"""Defect classes that are known by name; another model's are shown as the model names them."""

PURPOSES: Texts = {
    "purpose.production": Text("Production", "生产"),
    "purpose.challenge": Text("Challenge part", "校验件"),
    "purpose.setup": Text("Set-up", "调试"),
    "purpose.replay": Text("Replay", "回放"),
    "purpose.api": Text("Pushed picture", "推送图像"),
}

STAGES: Texts = {
    "stage.wait_ms": Text("Waiting", "等待"),
    "stage.quality_ms": Text("Picture quality", "图像质量"),
    "stage.prepare_ms": Text("Preparing", "预处理"),
    "stage.infer_ms": Text("Model", "模型推理"),
    "stage.decode_ms": Text("Boxes", "框解码"),
    "stage.judge_ms": Text("Judging", "判定"),
    "stage.rest_ms": Text("Other", "其他"),
    "stage.total_ms": Text("Frame to answer", "采集到结果"),
}

JUDGING: Texts = {**VERDICTS, **RULES, **LABELS, **PURPOSES, **STAGES}
