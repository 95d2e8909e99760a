"""Valid names of folders and files that a library may mistake for a pattern, an address or an option."""

NAMES = (
    "a[b]c", "x]y", "[!a]", "per%20cent", "100%", "st*r", "**", "qu?st", "ha#sh", "bl ank", " two ", "中文 资料",
    "-dash", "{a,b}", "file:", "sub@rev", "semi;colon", "qu'ote", 'dq"uote', "&", "cmcc", "sample", "datasets", "~home",
    "e\u0301", "…",
)  # fmt: skip
CHECKPOINT = ".ipynb_checkpoints/README-checkpoint.md"
SYSTEM_FILES = (".DS_Store", "Thumbs.db", "desktop.ini", "._labeled", "Icon\r", CHECKPOINT)
