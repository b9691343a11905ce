"""Everything about the faces of an input that does not depend on the twins."""

from __future__ import annotations

from dataclasses import dataclass

from models.interfaces.capabilities import FaceAttributes
from tasks.analysis.attributes import PeopleAttributes
from tasks.analysis.faces import Scan
from tasks.analysis.frame_source import FrameSource
from tasks.analysis.identities import Identities, Identity
from tasks.analysis.motion import DrivingMotions
from tasks.analysis.samples import Samples
from tasks.records import References, Tracks


@dataclass(frozen=True)
class Analysis:
    """What the stages before the twins found. Identifying.

    Attributes:
        video: The input, turned as the tracks are.
        scan: Scenes and tracks.
        samples: Sampled faces.
        identities: People.
        appearances: Their attributes.
        drivings: The driving motion of each track.
        references: What the audit's embedders see of the samples.
    """

    video: FrameSource
    scan: Scan
    samples: Samples
    identities: Identities
    appearances: PeopleAttributes
    drivings: DrivingMotions
    references: References

    @property
    def tracks(self) -> Tracks:
        """All tracks."""
        return self.scan.tracks

    @property
    def people(self) -> tuple[Identity, ...]:
        """All identities, in order of appearance."""
        return self.identities.identities

    def appearance(self, person: Identity) -> FaceAttributes:
        """Return the attributes of an identity.

        Args:
            person: The identity.

        Returns:
            Its attributes.
        """
        return self.appearances.appearances[person.index]

    def largest_face(self, person: Identity) -> float:
        """Return the side in pixels (root of the area) of an identity's largest box.

        Args:
            person: The identity.

        Returns:
            The side.
        """
        return max(self.tracks.tracks[index].largest for index in person.tracks)
