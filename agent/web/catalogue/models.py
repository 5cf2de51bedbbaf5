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

MODELS: Texts = {**STATION}
