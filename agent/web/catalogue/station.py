"""Texts about the station: what a lane is doing, states of camera, engine, disk and uplink, alarms."""

from agent.web.catalogue.text import Text, Texts

MODES: Texts = {
    "mode.running": Text("WAITING", "等待中"),
    "mode.running.sub": Text("Ready, no part judged yet", "已就绪，尚无已判工件"),
    "mode.idle": Text("IDLE", "空闲"),
    "mode.idle.sub": Text("Ready, no part is coming", "已就绪，无工件到达"),
    "mode.paused": Text("PAUSED", "已暂停"),
    "mode.paused.sub": Text("Nothing is judged, nothing passes", "不判定，不放行"),
    "mode.preparing": Text("PREPARING", "准备中"),
    "mode.preparing.sub": Text("The model is being loaded, nothing passes", "正在加载模型，不放行"),
    "mode.engine_failed": Text("MODEL FAILED", "模型故障"),
    "mode.engine_failed.sub": Text("Nothing can be judged, nothing passes", "无法判定，不放行"),
    "mode.camera_opening": Text("OPENING", "连接相机"),
    "mode.camera_opening.sub": Text("The camera is being opened", "正在打开相机"),
    "mode.camera_stalled": Text("STALLED", "相机停滞"),
    "mode.camera_stalled.sub": Text("The camera delivers no pictures", "相机没有送出图像"),
    "mode.camera_gone": Text("CAMERA GONE", "相机断开"),
    "mode.camera_gone.sub": Text("Trying to open it again", "正在重新连接"),
    "mode.camera_wrong": Text("WRONG CAMERA", "相机设置不符"),
    "mode.camera_wrong.sub": Text("The camera is not set as asked", "相机未按要求设置"),
    "mode.camera_ended": Text("ENDED", "已结束"),
    "mode.camera_ended.sub": Text("There are no more pictures", "没有更多图像"),
    "mode.starting": Text("STARTING", "启动中"),
    "mode.starting.sub": Text("The station is starting, nothing passes", "工位正在启动，不放行"),
    "mode.silent": Text("NO ANSWER", "无响应"),
    "mode.silent.sub": Text("The station does not answer, nothing here is live", "工位无响应，本页数据均非实时"),
    "mode.off": Text("NOT STARTED", "未启动"),
    "mode.off.sub": Text("The station is not running", "工位程序未运行"),
    "mode.unlinked": Text("DISCONNECTED", "连接中断"),
    "mode.unlinked.sub": Text(
        "This page has lost the station, nothing here is live", "页面与工位的连接已中断，本页数据均非实时"
    ),
}

CAMERAS: Texts = {
    "camera.opening": Text("opening", "正在打开"),
    "camera.live": Text("live", "正常"),
    "camera.stalled": Text("stalled", "停滞"),
    "camera.gone": Text("gone", "断开"),
    "camera.wrong_settings": Text("wrong settings", "设置不符"),
    "camera.ended": Text("ended", "已结束"),
    "camera_kind.v4l2": Text("USB camera", "USB 相机"),
    "camera_kind.rtsp": Text("Network camera", "网络相机"),
    "camera_kind.video": Text("Video file", "视频文件"),
    "camera_kind.folder": Text("Folder of pictures", "图像文件夹"),
    "camera_kind.push": Text("Pushed pictures", "推送图像"),
    "camera_kind.virtual": Text("Virtual line", "虚拟产线"),
}

ENGINES: Texts = {
    "engine.compiling": Text("loading", "加载中"),
    "engine.ready": Text("ready", "就绪"),
    "engine.failed": Text("failed", "故障"),
    "engine.fallback": Text("fallen back to {device}: {why}", "已降级到 {device}：{why}"),
}

DISKS: Texts = {
    "disk.on": Text("pictures are kept", "正在保存图像"),
    "disk.off": Text("no pictures are kept", "不保存图像"),
    "disk.stopped": Text("full: judging goes on without pictures", "磁盘已满：继续判定，不再保存图像"),
}

UPLINKS: Texts = {
    "uplink.off": Text("no broker", "无消息服务器"),
    "uplink.connecting": Text("connecting", "正在连接"),
    "uplink.online": Text("online", "在线"),
    "uplink.offline": Text("offline", "离线"),
    "uplink.refused": Text("refused", "被拒绝"),
    "uplink.off.why": Text(
        "No broker is configured: summaries wait in the outbox.", "未配置消息服务器：汇总数据在发件箱中等待。"
    ),
    "uplink.nobody_listens": Text("Nobody is subscribed to the messages yet.", "目前无人订阅这些消息。"),
    "uplink.commands_off": Text(
        "Commands are off: they need a password or a client certificate.", "远程命令已关闭：需要密码或客户端证书。"
    ),
    "uplink.away.why": Text(
        "The broker is away: summaries wait in the outbox, nothing is lost.",
        "消息服务器不可达：汇总数据在发件箱中等待，不会丢失。",
    ),
}

ALARMS: Texts = {
    "alarm.camera_gone": Text("Camera gone", "相机断开"),
    "alarm.camera_stalled": Text("Camera delivers no pictures", "相机无图像"),
    "alarm.camera_wrong_settings": Text("Camera is not set as asked", "相机设置不符"),
    "alarm.settings_not_taken": Text("The camera did not take these settings", "相机未接受以下设置"),
    "alarm.recipe_refused": Text("Recipe refused, the one before stays in use", "配方被拒绝，继续使用原配方"),
    "alarm.engine_failed": Text("The model cannot judge", "模型无法判定"),
    "alarm.model_rolled_back": Text("A new model did worse and was taken back", "新模型表现变差，已自动回退"),
    "alarm.canary_ended": Text("A canary has ended by itself", "金丝雀模型已自动停止"),
    "alarm.model_fallback": Text("An older model judges", "正在使用较早的模型"),
    "alarm.engine_fallback": Text("The model runs on another device", "模型在其他设备上运行"),
    "alarm.disk_full": Text("Disk full: no pictures are kept", "磁盘已满：不再保存图像"),
    "alarm.disk_low": Text("Disk space is running out", "磁盘空间不足"),
    "alarm.broker_offline": Text("Broker cannot be reached", "消息服务器不可达"),
    "alarm.broker_refused": Text("Broker refuses this station", "消息服务器拒绝本工位"),
    "alarm.outbox_old": Text("Summaries have waited for long", "汇总数据等待过久"),
    "alarm.store_failing": Text("The database cannot be written", "数据库无法写入"),
    "alarm.safe_mode": Text("Running on the last good configuration", "正在使用上一份有效配置"),
    "alarm.clock_untrusted": Text("The clock of this machine is wrong", "本机时钟不可信"),
    "alarm.clock_jumped": Text("The clock of this machine jumped", "本机时钟发生跳变"),
    "alarm.no_results": Text("Results cannot be read", "无法读取检测结果"),
}
"""Alarms the station is known to raise; another one is shown by its own name."""

STATION: Texts = {**MODES, **CAMERAS, **ENGINES, **DISKS, **UPLINKS, **ALARMS}
