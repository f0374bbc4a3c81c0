# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.utils`: names of deepmd-kit for what is elsewhere here."""
