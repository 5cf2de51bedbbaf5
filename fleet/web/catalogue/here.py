"""What the pages that are shared call the place: here the fleet."""

from agent.web.catalogue.text import Text, Texts

HERE: Texts = {
    "login.back": Text("Back to the stations", "返回工位总览"),
    "login.lost": Text(
        "Password forgotten? An admin of the fleet gives you a new one.", "忘记密码？请中心管理员重置。"
    ),
    "first.title": Text("Set up the fleet's page", "初次设置"),
    "first.lead": Text(
        "Nobody can log in here yet. The set-up code shows that you may make the first admin.",
        "中心尚无用户。请凭设置码创建首位管理员。",
    ),
    "password.too_easy": Text(
        "Too easy: it is mostly your name, the fleet's name or a word that everybody tries first.",
        "太简单：主要由姓名、中心名称或常见密码组成。",
    ),
    "role.viewer.what": Text("Sees all stations and their figures; changes nothing.", "查看全部工位与统计，不能更改。"),
    "role.operator.what": Text("As a viewer.", "与查看者相同。"),
    "role.engineer.what": Text(
        "Sends models to stations; sees what people did here.", "可向工位下发模型，并查看操作日志。"
    ),
    "role.admin.what": Text("All of it, and people and tokens.", "全部权限，并管理人员与令牌。"),
    "token.example": Text("ADDRESS/api/v1/stations", "地址/api/v1/stations"),
    "error.back": Text("Back to the stations", "返回工位总览"),
}
