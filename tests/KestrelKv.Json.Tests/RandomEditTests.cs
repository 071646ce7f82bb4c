using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Json.Tests;

/// <summary>Compares random edits of random documents with simple implementations of the RFCs on trees.</summary>
public sealed class RandomEditTests
{
    private const int Rounds = 4_000;

    [Fact]
    public void TryFind_RandomDocuments_MatchesTree() => Run((random, document, tree) =>
    {
        string path = WithoutLoneSurrogates(random.Pointer(tree));
        byte[] text = Edited.Bytes(document);
        bool found = JsonPointer.TryFind(text, Edited.Bytes(path), out ReadOnlySpan<byte> part);
        string? partText = found ? System.Text.Encoding.UTF8.GetString(part) : null;
        AssertSame(
            () => TreeEdits.Find(tree, TreeEdits.Tokens(path)),
            new Edited(found ? EditStatus.Done : EditStatus.PathNotFound, partText, null, null));
    });

    [Fact]
    public void Put_RandomDocuments_MatchesTree() => Run((random, document, tree) =>
    {
        string path = WithoutLoneSurrogates(random.Pointer(tree)), value = random.Value(2);
        Edited edited = Edited.Put(document, path, value);
        AssertSame(() => TreeEdits.Set(tree, TreeEdits.Tokens(path), TreeParser.Parse(value)), edited);
        AssertKept(document, edited, TreeEdits.Tokens(path).Take(1));
    });

    [Fact]
    public void Increment_RandomDocuments_MatchesTree() => Run((random, document, tree) =>
    {
        string path = WithoutLoneSurrogates(random.Pointer(tree)), number = random.Number();
        Edited edited = Edited.Increment(document, path, number);
        AssertSame(() => TreeSums.Increment(tree, TreeEdits.Tokens(path), number), edited);
        AssertKept(document, edited, TreeEdits.Tokens(path).Take(1));
    });

    [Fact]
    public void Increment_RandomNumbers_MatchesTree() => Seeds.Run(seeded =>
    {
        var random = new RandomDocuments(seeded);
        for (int round = 0; round < Rounds; round++)
        {
            string number = random.Number(), delta = random.Number();
            Edited edited = Edited.Increment($" [ {number} ] ", "/0", delta);
            string? expected = null;
            try
            {
                expected = TreeSums.Sum(number, delta);
            }
            catch (RefusedException e)
            {
                Assert.Equal(e.Status, edited.Status);
            }
            Assert.True(expected == edited.Part, $"{number} + {delta}: {edited}");
            if (expected is not null) Assert.Equal($" [ {expected} ] ", edited.Text);
        }
    });

    [Fact]
    public void Merge_RandomDocuments_MatchesTree() => Run((random, document, tree) =>
    {
        string patch = document.Length % 9 == 0 ? random.Value(4) : random.Object(4, nulls: 35);
        Edited edited = Edited.Merge(document, patch);
        AssertSame(() => TreeEdits.Merge(tree, TreeParser.Parse(patch)), edited);
        Tree patchTree = TreeParser.Parse(patch);
        if (patchTree.Kind == '{') AssertKept(document, edited, patchTree.Members.Keys);
    });

    [Fact]
    public void Patch_RandomDocuments_MatchesTree() => Run((random, document, tree) =>
    {
        string patch = random.Patch(tree);
        Assert.Null(JsonPatch.Check(Edited.Bytes(patch)));
        Edited edited = Edited.Patch(document, patch);
        AssertSame(() => TreeEdits.Patch(tree, TreeParser.Parse(patch)), edited);

        string[][] paths = [.. TreeParser.Parse(patch).Elements
            .SelectMany(o => new[] { o.Members["path"].Text, o.Members["from"].Text }).Select(TreeEdits.Tokens)];
        if (paths.All(p => p.Length > 0)) AssertKept(document, edited, paths.Select(p => p[0]));
    });

    /// <param name="test">The test, called with a document as text and as tree.</param>
    private static void Run(Action<RandomDocuments, string, Tree> test) => Seeds.Run(seeded =>
    {
        var random = new RandomDocuments(seeded);
        for (int round = 0; round < Rounds; round++)
        {
            string document = seeded.Next(5) == 0 ? random.Value(4) : random.Object(4);
            test(random, document, TreeParser.Parse(document));
        }
    });

    private static void AssertSame(Func<Tree> plain, Edited edited)
    {
        try
        {
            Tree expected = plain();
            Assert.True(edited.Status == EditStatus.Done, edited.ToString());
            AssertValid(edited.Text!);
            Assert.True(Tree.Equal(expected, TreeParser.Parse(edited.Text!)), edited.ToString());
        }
        catch (RefusedException e)
        {
            Assert.True(e.Status == edited.Status, $"expected {e.Status}: {edited}");
        }
    }

    private static void AssertValid(string text)
    {
        var reader = new Utf8JsonReader(Edited.Bytes(text));
        while (reader.Read())
        {
        }
        Assert.Equal(Edited.Bytes(text).Length, reader.BytesConsumed);
    }

    /// <summary>Asserts that members of the outermost object that the edit did not touch keep text and order.</summary>
    private static void AssertKept(string document, Edited edited, IEnumerable<string> touched)
    {
        Tree before = TreeParser.Parse(document);
        if (edited.Text is null || before.Kind != '{' || TreeParser.Parse(edited.Text) is not { Kind: '{' } after) return;
        var names = touched.ToHashSet(StringComparer.Ordinal);
        if (names.Count == 0) return;
        Assert.Equal(
            before.Spelled.Where(m => !names.Contains(m.Name)).Select(m => m.Text),
            after.Spelled.Where(m => !names.Contains(m.Name)).Select(m => m.Text));
    }

    /// <summary>Replaces lone surrogates: a pointer outside JSON is UTF-8, which has none.</summary>
    private static string WithoutLoneSurrogates(string text) => System.Text.Encoding.UTF8.GetString(Edited.Bytes(text));
}
