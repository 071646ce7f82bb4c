namespace KestrelKv.Cli.KeyStats;

/// <summary>The keys with a common prefix.</summary>
/// <param name="Prefix">The prefix, up to and including a delimiter. Invalid UTF-8 is not possible: a key is valid, and the delimiter too.</param>
/// <param name="Parent">The prefix of the group that contains it.</param>
/// <param name="Depth">The number of delimiters after the prefix of the scan, 1 or more; 0 for all keys of the scan.</param>
/// <param name="Total">All keys with the prefix.</param>
/// <param name="Direct">Those without a further delimiter.</param>
/// <param name="Groups">The number of distinct prefixes with one delimiter more; 0 at the maximum depth.</param>
internal sealed record PrefixGroup(string Prefix, string Parent, int Depth, Tally Total, Tally Direct, long Groups);
