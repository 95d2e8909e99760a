"""Prints the first row of the sample for the README: python -m tests.readme_row"""

import json

import cmcc


def first_row() -> str:
    """The row as JSON, with the names of class labels and the utterances up to the first exchange."""
    sample = cmcc.load("sample", split="train")
    row, features = sample[0], sample.features
    utterance_features = features["utterances"].feature
    names = utterance_features["speaker"].int2str
    row["satisfaction"] = features["satisfaction"].int2str(row["satisfaction"])
    row["utterances"] = row["utterances"][: 3 if row["utterances"][0]["speaker"] == 0 else 2]
    for utterance in row["utterances"]:
        utterance["speaker"] = names(utterance["speaker"])
        for field in ("emotions", "acts"):
            if utterance[field] is not None:
                utterance[field] = [utterance_features[field].feature.int2str(label) for label in utterance[field]]
        for intent in utterance["intents"] or ():
            intent["intent"] = utterance_features["intents"].feature["intent"].int2str(intent["intent"])
        for entity in utterance["entities"]:
            entity["type"] = utterance_features["entities"].feature["type"].int2str(entity["type"])
    lines = [json.dumps(utterance, ensure_ascii=False) for utterance in row["utterances"]]
    head = json.dumps({key: row[key] for key in ("dialogue_id", "satisfaction")}, ensure_ascii=False)[:-1]
    return head + ', "utterances": [\n  ' + ",\n  ".join(lines) + ", ...]}"


if __name__ == "__main__":
    print(first_row())
