"""What the pages that are shared call the place: here the station, elsewhere the fleet."""

from agent.web.catalogue.text import Text, Texts

HERE: Texts = {
    "login.back": Text("Back to the line", "返回产线"),
    "login.lost": Text(
        "Password forgotten? An admin of this station gives you a new one.", "忘记密码？请本工位的管理员重置。"
    ),
    "first.title": Text("Set up this station", "初次设置"),
    "first.lead": Text(
        "Nobody can log in here yet. The set-up code shows that you may make the first admin.",
        "此工位尚无用户。请凭设置码创建首位管理员。",
    ),
    "password.too_easy": Text(
        "Too easy: it is mostly your name, the station's name or a word that everybody tries first.",
        "太简单：主要由姓名、工位名或常见密码组成。",
    ),
    "role.viewer.what": Text("Sees line, parts and figures; changes nothing.", "查看产线、工件与统计，不能更改。"),
    "role.operator.what": Text(
        "Works at the line: reviews parts, starts and ends shifts.", "在线操作：复核工件、开班与交班。"
    ),
    "role.engineer.what": Text(
        "Sets up: recipes, cameras, models; releases the line.", "设置配方、相机与模型；放行产线。"
    ),
    "role.admin.what": Text("All of it, and people and tokens.", "全部权限，并管理人员与令牌。"),
    "token.example": Text("ADDRESS/api/v1/status", "地址/api/v1/status"),
    "error.back": Text("Back to the line view", "返回产线视图"),
}
