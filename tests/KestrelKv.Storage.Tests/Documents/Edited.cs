using System.Buffers;
using System.Text;
using KestrelKv.Storage.Documents;

namespace KestrelKv.Storage.Tests.Documents;

/// <summary>What became of a document, with texts for bytes.</summary>
internal sealed record Edited(ResultStatus Status, string? Text, string? Detail, string? Part)
{
    private static readonly byte[] Key = "k"u8.ToArray();

    public static Edited Put(string? document, string path, string value, DocumentLimits? limits = null) =>
        Apply(Operation.PutAt(Key, Bytes(path), Bytes(value)), document, limits);

    public static Edited Merge(string? document, string patch, DocumentLimits? limits = null) =>
        Apply(Operation.MergePatch(Key, Bytes(patch)), document, limits);

    public static Edited Patch(string? document, string patch, DocumentLimits? limits = null) =>
        Apply(Operation.JsonPatch(Key, Bytes(patch)), document, limits);

    public static Edited Increment(string? document, string path, string number, DocumentLimits? limits = null) =>
        Apply(Operation.Increment(Key, Bytes(number)) with { Path = Bytes(path) }, document, limits);

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static Edited Apply(in Operation operation, string? document, DocumentLimits? limits)
    {
        var result = new ArrayBufferWriter<byte>();
        EditResult edit = DocumentEdit.Apply(
            operation, document is not null, Bytes(document ?? ""), limits ?? DocumentLimits.Default, result);
        if (edit.Status != ResultStatus.Done) return new Edited(edit.Status, null, edit.Detail, null);

        string part = Encoding.UTF8.GetString(result.WrittenSpan.Slice(edit.PartStart, edit.PartBytes));
        return new Edited(edit.Status, Encoding.UTF8.GetString(result.WrittenSpan), edit.Detail, part);
    }
}
