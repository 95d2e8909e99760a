"""Training: one loop on accelerate, one module for each task, and the recipes.

`cmcc train TASK` calls train() of the module TASK with the settings of its RECIPE. This file does not import torch, so
the command line can read TASKS quickly.
"""

TASKS = {
    "dialogue": "response models: the baseline, the variant with emotions and caring acts, two ablations",
    "emotion": "a classifier of the user's emotions",
    "joint": "a tagger of entities together with the user's emotions",
    "satisfaction": "a classifier of a dialogue's satisfaction",
}
