"""Counts how many harmless texts with numbers are masked, by kind: python -m tests.masking_kinds"""

from collections import Counter
from itertools import product
from pathlib import Path

import cmcc
from cmcc_bench.masking import find_personal

MOBILECS = Path(__file__).parents[2] / "shared" / "mobilecs"
_MARKS = ["，", "、", ",", ", ", " ", "　", "；", "/"]
_AMOUNTS = ["18", "28", "38", "58", "88", "128"]


def harmless_texts() -> dict[str, list[str]]:
    """Texts with numbers that must not be masked, by kind."""
    dates = [("2022", "11", "27"), ("1999", "1", "5"), ("2023", "06", "30")]
    joined = [mark.join(date) for date in dates for mark in "-./ 、_"]
    texts = {
        "prices": """三十八块六毛 一百二十八元 八块、九块、十块 十八，二十八，三十八 ￥100，￥200，￥300
            9.9元和19.9元 0.5元，0.29元，1.05元 1,000,000元 12,345,678元 1000000元 三块五，四块五，五块五
            一万两千三百四十五块六 18元/28元/38元 10000000""",
        "dates": """二零二二年十一月二十七号 2022年11月27日 二零二零年，二零二一年，二零二二年
            二零二零，二零二一，二零二二 2020、2021、2022 2022-11-27-2022-12-27 2022.11至2022.12 27/11/2022
            11/27/2022 从一号到三十一号 2022/11，2022/12""",
        "times": """10:30-11:30 8.30-17.30 10：30，11：30，12：30 十点三十到十一点三十
            早八点到晚八点，周一到周五 23:59:59.999""",
        "counts": """一二三四五 一、二、三、四、五、六、七、八、九 1、2、3、4、5、6、7、8、9 一，二，三
            第一第二第三 两个一百，三个八块 三个五块，两个六块 一百一千一万 12345678人 1234567次
            两个八个九个十个 三个18个""",
        "durations": """30天、60天、90天、180天 300分钟，500分钟，1000分钟 100，200，300分钟
            十二个月二十四个月三十六个月 24-48小时 3、6、12个月 三个月六个月十二个月""",
        "data volumes": """1024MB 100M，200M，300M 100，200，300兆 10G、20G、30G 1073741824B 十个G二十个G
            1048576KB""",
        "service numbers": """10086 10086，10010，10000 10086、10085 一零零八六，一零零一零
            幺零零八六，幺零零八五 110，119，120 95588/95533 12345，12306""",
        "ratios": "百分之三十五 35%，45%，55% 三点一四 3.14，2.71，1.41 1:10000000",
    }
    by_kind = {kind: listed.split() for kind, listed in texts.items()}
    by_kind["prices"] += [mark.join(_AMOUNTS[:count]) for mark in _MARKS[:4] for count in (3, 4)]
    by_kind["prices"] += [f"{a}块{mark}{b}块{mark}{c}块" for mark in _MARKS for a, b, c in product("18", "39", "58")]
    dates = [("2022", "11", "27"), ("1999", "1", "5"), ("2023", "06", "30")]
    joined = [mark.join(date) for date in dates for mark in "-./ 、_"]
    by_kind["dates"] += [*joined, *(f"{first}到{last}" for first, last in product(joined[:6], joined[6:12]))]
    by_kind["dates"] += ["2022.11.27 - 2022.12.27", "2022-11 2022-12", "20221127到20231127", "20221127，20221201"]
    by_kind["prices"] += ["8.8 28.8 38.8 58.8", "8.80，28.80，38.80，0.5", "就是三十八那就是五十八那个八十八等一下"]
    by_kind["prices"] += [
        "那个38的那58的那88的那128的",
        "38的等等58的等等88的等等128的",
        "不是八块是九块不是十八是二十八",
    ]
    by_kind["counts"] += ["一个八一个九一个七一个五", "一个人两个人三个人四个人五个人六个人七个人"]
    by_kind["times"] += ["2022-11-27 10:30:15"]
    by_kind["counts"] += ["1 2 3 4 5 6 7", *(f"{n}个{m}个" for n, m in product(_AMOUNTS, _AMOUNTS))]
    by_kind["data volumes"] += ["5 10 20 30G"]
    by_kind["names of products"] = ["123456 X", "iPhone 12、13、14、15 X", "GT 630 1050 X", "100M 200M X"]
    lists = (["100", "200", "300"], ["50", "100", "150", "200"], ["1", "2", "5", "10"])
    by_kind["lists"] = [mark.join(numbers) for mark in _MARKS for numbers in lists]
    by_kind["service numbers"] += ["12345 12306"]
    return by_kind


def table() -> dict[str, tuple[int, int]]:
    """The number of texts and of masked texts, by kind; and of the public calls if they are available."""
    counts = {kind: (len(texts), sum(map(_is_masked, texts))) for kind, texts in harmless_texts().items()}
    splits = cmcc.load("sample").values()
    sample = [utterance["text"] for split in splits for row in split for utterance in row["utterances"]]
    sources = {"the sample": sample}
    if MOBILECS.exists():
        dialogues = cmcc.read_dialogues(MOBILECS)
        sources["the 20 public calls"] = [
            utterance["text"] for dialogue in dialogues for utterance in dialogue.row["utterances"]
        ]
    for name, texts in sources.items():
        kinds = Counter(match.kind for text in texts for match in find_personal(text))
        for kind, count in sorted(kinds.items()):
            counts[f"{name}: {kind} (masked, not all wrongly)"] = len(texts), count
    return counts


def _is_masked(text: str) -> bool:
    return any(find_personal(text))


if __name__ == "__main__":
    print("| kind | texts | masked |\n|---|---|---|")
    for name, (texts, masked) in table().items():
        print(f"| {name} | {texts} | {masked} |")
    for name, lines in harmless_texts().items():
        for line in filter(_is_masked, lines):
            print(f"{name}: {line}")
