"""Texts of the set-up's pages of the box: alarms, storage, device."""

from agent.web.catalogue.text import Text, Texts

ADVICE: Texts = {
    "advice.camera_gone": Text(
        "Check cable and power; it is opened again by itself.", "检查线缆和电源；会自动重新连接。"
    ),
    "advice.camera_stalled": Text("Check trigger, exposure time and network.", "检查触发、曝光时间和网络。"),
    "advice.camera_wrong_settings": Text(
        "Compare the settings asked and given on the camera's page.", "在相机页面比较要求值与实际值。"
    ),
    "advice.settings_not_taken": Text(
        "The camera ignores them: correct them in station.toml, or accept what it gives.",
        "相机忽略了这些设置：请在 station.toml 中更正，或接受实际值。",
    ),
    "advice.recipe_refused": Text(
        "Open the recipe, mend what is marked, save it again.", "打开配方，修正标出的问题后重新保存。"
    ),
    "advice.engine_failed": Text(
        "Nothing passes. Restart the station; if it comes back, roll the model back.",
        "当前不放行。请重启工位；若再次出现，请回退模型。",
    ),
    "advice.model_rolled_back": Text(
        "Hold the parts judged since its activation and check them; then confirm on the models' page.",
        "封存自该模型启用以来判定的工件并复检，然后在模型页面确认。",
    ),
    "advice.disk_full": Text(
        "Free space, or lower the quota of pictures; judging goes on.", "释放空间或降低图像配额；判定继续进行。"
    ),
    "advice.disk_low": Text("Free space before pictures can no longer be kept.", "请在无法保存图像之前释放空间。"),
    "advice.broker_offline": Text(
        "Nothing is lost: summaries wait. Check network and broker.",
        "数据不会丢失，汇总在等待。请检查网络和消息服务器。",
    ),
    "advice.broker_refused": Text(
        "Check user name, password, certificate and the broker's rights.", "检查用户名、密码、证书及服务器权限。"
    ),
    "advice.outbox_old": Text(
        "The centre has not confirmed for long: check that it runs.", "中心长时间未确认：请检查其是否运行。"
    ),
    "advice.store_failing": Text(
        "Parts wait until the disk can be written again: check the disk at once.",
        "工件将等待磁盘恢复写入：请立即检查磁盘。",
    ),
    "advice.safe_mode": Text(
        "Run okng check: it says what is wrong in the new configuration.", "运行 okng check：它会指出新配置中的错误。"
    ),
    "advice.clock_untrusted": Text(
        "Check the time server; parts are marked meanwhile.", "检查时间服务器；期间的工件会被标记。"
    ),
    "advice.clock_jumped": Text("Check the time server.", "检查时间服务器。"),
    "advice.no_results": Text("The database cannot be read: check the disk.", "无法读取数据库：请检查磁盘。"),
}
"""What a person can do about an alarm."""

PAGES: Texts = {
    "nav.events": Text("Events", "事件"),
    "nav.storage": Text("Storage and broker", "存储与通信"),
    "nav.device": Text("Device", "设备"),
    "act.alarm.acknowledge": Text("acknowledged an alarm", "确认了报警"),
    "act.device.support": Text("downloaded a support bundle", "下载了诊断包"),
    "act.device.backup": Text("downloaded a backup", "下载了备份"),
    "upkeep.unheard": Text("The station does not answer: {why}", "工位无响应：{why}"),
    "upkeep.none": Text("none", "无"),
    "upkeep.events.title": Text("Events and alarms", "事件与报警"),
    "upkeep.alarms": Text("Alarms that stand", "当前报警"),
    "upkeep.alarms.none": Text("No alarm stands.", "当前没有报警。"),
    "upkeep.alarm.since": Text("since {moment}", "始于 {moment}"),
    "upkeep.alarm.acknowledged": Text("{who} deals with it, since {moment}", "{who} 正在处理，始于 {moment}"),
    "upkeep.alarm.note": Text("What is being done", "处理说明"),
    "upkeep.alarm.acknowledge": Text("I am on it", "我来处理"),
    "upkeep.event.name": Text("Kind", "类型"),
    "upkeep.event.any": Text("any", "全部"),
    "upkeep.event.contains": Text("Contains", "包含"),
    "upkeep.event.time": Text("Time", "时间"),
    "upkeep.event.what": Text("What happened", "事件"),
    "upkeep.event.detail": Text("Detail", "详情"),
    "upkeep.event.none": Text("No event matches.", "没有符合条件的事件。"),
    "upkeep.csv": Text("CSV file", "CSV 文件"),
    "upkeep.storage.title": Text("Storage and broker", "存储与通信"),
    "upkeep.disk": Text("Disk", "磁盘"),
    "upkeep.disk.free": Text("Free", "可用空间"),
    "upkeep.disk.reserve": Text("Reserve that pictures never use", "图像不占用的保留空间"),
    "upkeep.disk.state": Text("Pictures", "图像保存"),
    "upkeep.pictures": Text("Kept pictures", "已保存图像"),
    "upkeep.pictures.used": Text("{used} of {quota}", "已用 {used}，配额 {quota}"),
    "upkeep.pictures.outcome": Text("Verdict", "判定"),
    "upkeep.pictures.count": Text("Pictures", "数量"),
    "upkeep.pictures.size": Text("Size", "大小"),
    "upkeep.pictures.oldest": Text("The oldest is of {moment}.", "最早的图像：{moment}。"),
    "upkeep.pictures.rule": Text(
        "What goes first: good before bad, then the oldest; after {days} days at the latest. What the centre has not "
        "acknowledged, and what was drawn for an audit and is not reviewed, stays.",
        "清理顺序：先良品后不良，先旧后新；最长保存 {days} 天。中心尚未确认的、抽中审核而未复核的图像不会删除。",
    ),
    "upkeep.pace": Text("At the last day's pace", "按最近一天的速度"),
    "upkeep.pace.day": Text("Written a day", "每天写入"),
    "upkeep.pace.left": Text("Room for", "剩余可用"),
    "upkeep.pace.year": Text("Written a year (to compare with the flash's TBW)", "每年写入（可与闪存 TBW 比较）"),
    "upkeep.pace.days": Text("{n} days", "{n} 天"),
    "upkeep.broker": Text("Broker", "消息服务器"),
    "upkeep.broker.address": Text("Address", "地址"),
    "upkeep.broker.state": Text("State", "状态"),
    "upkeep.broker.refused": Text("Commands refused since its start", "启动以来拒绝的命令"),
    "upkeep.outbox": Text("Outbox", "发件箱"),
    "upkeep.outbox.waiting": Text("Wait for the centre", "等待中心确认"),
    "upkeep.outbox.oldest": Text("Oldest of them", "其中最早"),
    "upkeep.outbox.made": Text("Made in this epoch", "本纪元已生成"),
    "upkeep.outbox.sent": Text("Broker has taken up to number", "服务器已接收至编号"),
    "upkeep.outbox.epoch": Text("Epoch", "纪元"),
    "upkeep.device.title": Text("Device", "设备"),
    "upkeep.box": Text("This box", "本机"),
    "upkeep.box.name": Text("Name", "名称"),
    "upkeep.box.system": Text("System", "系统"),
    "upkeep.box.cpu": Text("Processor cores", "处理器核心"),
    "upkeep.box.memory": Text("Memory", "内存"),
    "upkeep.box.memory.value": Text("{free} free of {all}", "可用 {free}，共 {all}"),
    "upkeep.box.load": Text("Load", "负载"),
    "upkeep.box.up": Text("Up for", "已运行"),
    "upkeep.box.temperature": Text("Temperature, {device}", "温度，{device}"),
    "upkeep.station": Text("The station's process", "工位进程"),
    "upkeep.station.profile": Text("Device profile", "设备配置档"),
    "upkeep.station.started": Text("Started", "启动时间"),
    "upkeep.station.memory": Text("Memory", "内存占用"),
    "upkeep.station.clock": Text("Clock", "时钟"),
    "upkeep.station.clock.trusted": Text("trusted", "可信"),
    "upkeep.station.clock.untrusted": Text("not trusted", "不可信"),
    "upkeep.lane.device": Text("Judges on", "推理设备"),
    "upkeep.lane.capacity": Text("Could judge", "判定能力"),
    "upkeep.lane.capacity.value": Text("{n} parts/s", "{n} 件/秒"),
    "upkeep.versions": Text("Versions", "版本"),
    "upkeep.take": Text("Take with you", "导出"),
    "upkeep.take.support": Text("Support bundle", "诊断包"),
    "upkeep.take.support.why": Text(
        "State, versions, configuration, events and messages for who helps from afar. No pictures, no secrets.",
        "供远程支持使用：状态、版本、配置、事件和日志。不含图像，不含密钥。",
    ),
    "upkeep.take.backup": Text("Backup", "备份"),
    "upkeep.take.backup.why": Text(
        "Configuration, recipes, models and users as one file: a spare box takes over with okng restore.",
        "配置、配方、模型和用户合为一个文件：备用机用 okng restore 即可接替。",
    ),
}

UPKEEP: Texts = {**ADVICE, **PAGES}
