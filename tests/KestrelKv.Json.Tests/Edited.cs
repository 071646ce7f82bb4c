using System.Text;

namespace KestrelKv.Json.Tests;

/// <summary>The outcome of an edit, with strings instead of bytes.</summary>
internal sealed record Edited(EditStatus Status, string? Text, string? Detail, string? Part)
{
    public static Edited Put(string? document, string path, string value, DocumentLimits? limits = null)
    {
        var result = new EditBuffer();
        return Of(DocumentEdit.Put(Bytes(document ?? ""), Bytes(path), Bytes(value), limits ?? DocumentLimits.Default, result), result);
    }

    public static Edited Merge(string? document, string patch, DocumentLimits? limits = null)
    {
        var result = new EditBuffer();
        return Of(DocumentEdit.Merge(Bytes(document ?? ""), Bytes(patch), limits ?? DocumentLimits.Default, result), result);
    }

    public static Edited Patch(string? document, string patch, DocumentLimits? limits = null)
    {
        var result = new EditBuffer();
        return Of(DocumentEdit.Patch(Bytes(document ?? ""), Bytes(patch), limits ?? DocumentLimits.Default, result), result);
    }

    public static Edited Increment(string? document, string path, string number, DocumentLimits? limits = null)
    {
        var result = new EditBuffer();
        return Of(
            DocumentEdit.Increment(Bytes(document ?? ""), Bytes(path), Bytes(number), limits ?? DocumentLimits.Default, result), result);
    }

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static Edited Of(EditResult edit, EditBuffer result)
    {
        if (edit.Status != EditStatus.Done) return new Edited(edit.Status, null, edit.Detail, null);

        string part = Encoding.UTF8.GetString(result.WrittenSpan.Slice(edit.PartStart, edit.PartBytes));
        return new Edited(edit.Status, Encoding.UTF8.GetString(result.WrittenSpan), edit.Detail, part);
    }
}
