"""What every report says about how it came about, and what it does not say."""

from __future__ import annotations

from tasks.evaluation.metrics.clip import PER_PERSON

METHOD = (
    "Faces were looked for in the originals and in the anonymized files by the same detector, independently, and "
    "paired by their place in the picture at the same time. Where the anonymized file shows no face, the "
    "attackers were given the place all the same.",
    "Every attacker but one is a face recognition network; that one goes by apparent age, gender, skin tone and "
    "labelled group alone. Each face of the anonymized files was compared with all faces of "
    f"its original; of every person of a file up to {PER_PERSON} faces, evenly spread, were also compared with as many "
    "of all people in all originals, as an attacker would who has all originals and wants to know who is who. "
    "One of the recognisers took part in nothing: neither in making the anonymized files nor in checking them; nor did "
    "the second reader of age and gender. A reversal learns from pairs of other people how a result depends on its "
    "source.",
    "Intervals hold 95 % and are over people, bootstrapped where nothing else is said, since the frames of one person "
    "are no independent samples. “Originals” is the same number on the originals themselves, “guessing” that of an "
    "attacker who has no picture at all. People “of the kind” have the same apparent gender, age and skin tone, which "
    "a twin keeps on purpose: how often a stranger of the kind is named in a person's place is what these explain.",
    "A file fails when a face of it is nearer to one of its original than 999 of 1000 pairs of different people are to "
    "each other, and needs a look when one is nearer than 99 of 100 pairs; each network's distances were measured on "
    "some dozens of people, real and synthetic, and are stored with it. As every face of a file is compared with every "
    "other, a stranger may come that near in a long one: this errs towards looking. What could not be compared "
    "needs a look, too.",
)
LIMITS = (
    "Voice and manner of speaking, what is said, body, gait, hands, hair, ears, clothes, jewellery, "
    "background, captions and other text, file names, and the date and place of the recording.",
    "The frames in between, where the settings say that not all were looked at.",
    "People who know the person well, and attackers with other means than these networks, such as "
    "ones trained on this very anonymization with other data than the clips at hand.",
    "Apparent age, gender, expression and skin tone are guesses of networks with errors of their own, before and "
    "after. Pose, gaze, mouth and expression coefficients are read by the very mesh network that moves anonflow's own "
    "twins, so that these numbers flatter them; “faces still found” is by a detector that conversions use, too.",
    "Who is who was said by the person who started the evaluation; without, every original counts as another person, "
    "and a person in several files is then harder to name than they are.",
    "A passed report is a measurement, no guarantee, and no statement about what the law calls anonymous.",
)
