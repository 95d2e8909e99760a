"""Training: one loop on accelerate, what each task puts into it, and the recipes.

`cmcc train TASK` calls train() of the module TASK with the settings that its RECIPE declares. Nothing here imports
torch, so that the command line can read TASKS.
"""

TASKS = {
    "dialogue": "response models: the baseline, the variant with emotions and caring acts, two ablations",
    "emotion": "a classifier of the user's emotions",
    "joint": "a tagger of entities together with the user's emotions",
    "satisfaction": "a classifier of a dialogue's satisfaction",
}
