using System.Text.RegularExpressions;

namespace KestrelKv.Server.Tests.Documents;

/// <summary>Documents and comments use the field's terms. The list has terms that say nothing to a reader who knows databases.</summary>
public sealed partial class LanguageTests
{
    public static TheoryData<string> Documents() => [.. RepositoryText.Documents()];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_Read_UsesTheTermsOfTheField(string document) =>
        Assert.Empty(RepositoryText.Prose(document).Where(prose => Unclear().IsMatch(prose.Text)).Select(prose => $"{document}:{prose.Line}: {prose.Text}"));

    [Fact]
    public void Comments_Read_UseTheTermsOfTheField() =>
        Assert.Empty(RepositoryText.Comments().Where(comment => Unclear().IsMatch(comment.Text)).Select(comment => $"{comment.Place}: {comment.Text.Trim()}"));

    [Theory]
    [InlineData("The reply tells the version.")]
    [InlineData("What was told is on disk.")]
    [InlineData("A snapshot is given up.")]
    [InlineData("The scan goes on behind the key.")]
    [InlineData("The thread stands back.")]
    [InlineData("A lone command is executed by itself.")]
    [InlineData("Hidden keys are not listed.")]
    [InlineData("The eviction makes space.")]
    [InlineData("The commit was overtaken.")]
    [InlineData("Its time has come.")]
    [InlineData("The expiry is set anew.")]
    [InlineData("Nobody reads it.")]
    [InlineData("Who waits is woken.")]
    public void Unclear_OfAnUnclearSentence_Matches(string sentence) => Assert.Matches(Unclear(), sentence);

    [Theory]
    [InlineData("The server reports the version and continues.")]
    [InlineData("The retries are abandoned, and the thread's priority is lowered.")]
    public void Unclear_OfAClearSentence_DoesNotMatch(string sentence) => Assert.DoesNotMatch(Unclear(), sentence);

    [GeneratedRegex(
        """
        \b(
        tells? | told | g[ia]ve[sn]?\ up | go(es)?\ on | went\ on | (t[ao]kes?|taken?|took)\ back(?!\ to\ back) | stands?\ back | lone\ (command|request|write)s?
        | hidden\ keys? | remembered\ results? | rehears(al|es|ed) | ma[kd]es?\ space | overtaken | time\ has\ come | anew | nobody | anybody | that\ is\ to\ say
        | kept\ segments? | recogniser
        )\b
        | (^|[.!?]\ |>)\s*(///?\s*)?(Who|What\ comes|What\ follows|But\ for|As\ far\ as)\b
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Unclear();
}
