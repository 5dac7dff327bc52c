import markupsafe
import markupsafe._speedups

print("small", markupsafe._speedups._escape_inner("<a>"))
