"""What every report says about how it came about, and what it does not say."""

from __future__ import annotations

METHOD = (
    "Faces were looked for in the originals and in the anonymized files by the same detector, independently, and "
    "paired by their place in the picture at the same time. Where the anonymized file shows no face, the "
    "attackers were given the place all the same.",
    "Every attacker is a face recognition network. Each face of the anonymized files was compared with the "
    "original faces of everybody, as somebody would who has all originals and wants to know who is who: the "
    "hardest case for privacy. One of the attackers took part in nothing: neither in making the anonymized files "
    "nor in checking them.",
    "Intervals hold 95 % and were bootstrapped over people, since the frames of one person are no independent "
    "samples. “Originals” is the same number on the originals themselves, “guessing” that of somebody who has no "
    "picture at all.",
    "A distance is called recognised when it is smaller than 99 of 100 distances between different people; each "
    "network's was measured on real and synthetic faces, and is stored with it.",
)
LIMITS = (
    "Not assessed: voice and manner of speaking, what is said, body, gait, hands, hair, ears, clothes, jewellery, "
    "background, captions and other text, file names, and the date and place of the recording.",
    "Not assessed: people who know the person well, and attackers with other means than these networks, such as "
    "ones trained on this very anonymization with other data than the clips at hand.",
    "Apparent age, gender, expression and skin tone are guesses of networks with errors of their own, before and "
    "after.",
    "A passed report is a measurement, no guarantee, and no statement about what the law calls anonymous.",
)
