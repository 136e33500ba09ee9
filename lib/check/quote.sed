# A text file as the lines of a string of C.
s/[\\"]/\\&/g
s/^/"/
s/$/\\n"/
