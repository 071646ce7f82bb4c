using System.Globalization;

namespace KestrelKv.Storage.Files;

/// <summary>The names of the files in a data directory.</summary>
internal static class FileNames
{
    /// <summary>What a file is called while it is not yet what it is to be. It can be deleted at any time.</summary>
    public const string Unfinished = ".tmp";

    /// <summary>Is there while files are being replaced; a server must not start then.</summary>
    public const string Replacing = "replacing";

    public const string SegmentEnding = ".log";
    public const string SnapshotEnding = ".snapshot";
    private const int Digits = 19;

    public static string OfSegment(long number) => Number(number) + SegmentEnding;

    public static string OfSnapshot(long version) => Number(version) + SnapshotEnding;

    /// <summary>The numbers of all segments among files, in their order.</summary>
    public static List<long> Segments(IEnumerable<string> names) => Find(names, SegmentEnding);

    /// <summary>The versions of all snapshots among files, in their order.</summary>
    public static List<long> Snapshots(IEnumerable<string> names) => Find(names, SnapshotEnding);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture).PadLeft(Digits, '0');

    private static List<long> Find(IEnumerable<string> names, string ending)
    {
        List<long> numbers = [];
        foreach (string name in names)
        {
            if (!name.EndsWith(ending, StringComparison.Ordinal)) continue;
            if (name.Length != Digits + ending.Length || !long.TryParse(name.AsSpan(0, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out long number))
                throw new DataException($"{name}: no file of KestrelKv's has such a name, expected {Digits} digits before {ending}");
            numbers.Add(number);
        }
        numbers.Sort();
        return numbers;
    }
}
