# SPDX-License-Identifier: LGPL-2.1-or-later
# A text file as the lines of a string of C.
s/[\\"]/\\&/g
s/^/"/
s/$/\\n"/
