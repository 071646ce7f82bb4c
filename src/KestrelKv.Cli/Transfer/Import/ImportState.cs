using System.Text.Json;
using System.Text.Json.Serialization;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Transfer.Import;

/// <summary>The position of an import: all lines before it are applied. Stored in <c>FILE.kkv-import</c>.</summary>
/// <param name="Offset">The offset in the file, in bytes.</param>
/// <param name="Line">The number of lines before it.</param>
/// <param name="Entries">The number of lines with entries, before the changes of an export.</param>
/// <param name="Applied">The number of valid lines with entries or changes.</param>
/// <param name="Expired">The number of those whose entries had expired.</param>
/// <param name="Invalid">The number of invalid lines.</param>
/// <param name="Refused">The number of lines that the server has refused.</param>
internal sealed record ImportState(long Offset = 0, long Line = 0, long Entries = 0, long Applied = 0, long Expired = 0, long Invalid = 0,
    long Refused = 0)
{
    /// <summary>Whether the lines are an export that has begun with a header.</summary>
    public bool IsExport { get; init; }

    /// <summary>Whether the changes of an export have begun.</summary>
    public bool IsInChanges { get; init; }

    /// <summary>Whether the export has ended with its last line.</summary>
    public bool HasEnd { get; init; }

    public static string PathOf(string file) => file + ".kkv-import";

    /// <exception cref="CommandFailure">There is no interrupted import of the file, or the file is another one.</exception>
    public static ImportState Load(string file, FileStream stream)
    {
        if (!File.Exists(PathOf(file)))
            throw CommandFailure.Failed(
                "nothing_to_resume", $"There is no interrupted import: {PathOf(file)} is expected. Start it without --resume");
        ImportState state = JsonSerializer.Deserialize(File.ReadAllBytes(PathOf(file)), ImportStateJson.Default.ImportState) ?? new();
        if (state.Offset > 0)
        {
            stream.Position = Math.Min(state.Offset - 1, stream.Length);
            if (stream.ReadByte() != '\n' && state.Offset != stream.Length)
                throw CommandFailure.Failed("other_file", $"{PathOf(file)} has the offset {state.Offset}, at which no line of {file} begins. The " +
                    $"file has changed: start the import without --resume");
        }
        stream.Position = state.Offset;
        return state;
    }

    /// <summary>Replaces the stored position.</summary>
    public void Save(string file)
    {
        string next = PathOf(file) + ".new";
        using (FileStream stream = File.Create(next))
        {
            JsonSerializer.Serialize(stream, this, ImportStateJson.Default.ImportState);
            stream.Flush(flushToDisk: true);
        }
        File.Move(next, PathOf(file), overwrite: true);
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(ImportState))]
internal sealed partial class ImportStateJson : JsonSerializerContext;
