"""Pictures are drawn by several processes, whatever this one has done before."""

import cv2
import numpy as np

from training.processes import processes


def test_they_work_after_opencv_has_worked_here() -> None:
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((2000, 2000), np.uint8), (0, 0), 3.0)  # starts OpenCV's threads
    with processes() as pool:
        assert list(pool.map(cv2.setNumThreads, [1] * 4, timeout=60)) == [None] * 4
