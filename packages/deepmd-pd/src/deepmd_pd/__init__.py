# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Paddle backend: how paddle trains, freezes and evaluates the models of deepmd-dp."""

__version__ = "4.0.0a1"
