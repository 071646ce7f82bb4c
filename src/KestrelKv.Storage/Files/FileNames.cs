using System.Globalization;

namespace KestrelKv.Storage.Files;

internal static class FileNames
{
    /// <summary>The suffix of an unfinished file, which can be deleted at any time.</summary>
    public const string Unfinished = ".tmp";

    /// <summary>The name of a file that exists while a restore or salvage replaces files. A server must not start then.</summary>
    public const string Replacing = "replacing";

    public const string SegmentEnding = ".log";
    public const string SnapshotEnding = ".snapshot";
    private const int Digits = 19;

    public static string OfSegment(long number) => Number(number) + SegmentEnding;

    public static string OfSnapshot(long version) => Number(version) + SnapshotEnding;

    /// <summary>Returns the numbers of all segments among the files, in ascending order.</summary>
    public static List<long> Segments(IEnumerable<string> names) => Find(names, SegmentEnding);

    /// <summary>Returns the versions of all snapshots among the files, in ascending order.</summary>
    public static List<long> Snapshots(IEnumerable<string> names) => Find(names, SnapshotEnding);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture).PadLeft(Digits, '0');

    private static List<long> Find(IEnumerable<string> names, string ending)
    {
        List<long> numbers = [];
        foreach (string name in names)
        {
            if (!name.EndsWith(ending, StringComparison.Ordinal)) continue;
            if (name.Length != Digits + ending.Length ||
                !long.TryParse(name.AsSpan(0, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out long number))
                throw new DataException($"{name}: invalid file name, expected {Digits} digits before {ending}");
            numbers.Add(number);
        }
        numbers.Sort();
        return numbers;
    }
}
