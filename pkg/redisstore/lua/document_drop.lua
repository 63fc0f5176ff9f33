-- Drop: the document did not leave by this claim, which is closed.

close()
return answer()
