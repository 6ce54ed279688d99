//! Figures: the middle one of several, and tables in Markdown.

use std::fmt::Write as _;

/// The middle of the figures; of an even number the lower middle.
pub(super) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    percentile(figures, 50)
}

/// The figure that so many percent of them do not exceed.
pub(super) fn percentile(figures: impl IntoIterator<Item = f64>, percent: usize) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let rank = (figures.len() * percent).div_ceil(100).max(1);
    figures.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// A table whose columns line up as text too.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn markdown(&self) -> String {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0).max(3)).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                // The first column is words, the others are figures.
                let written = if column == 0 {
                    write!(text, "| {cell:width$} ")
                } else {
                    write!(text, "| {cell:>width$} ")
                };
                written.unwrap_or_default();
            }
            text += "|\n";
            if index == 0 {
                let rule = |(column, width): (usize, &usize)| match column {
                    0 => format!("|{}", "-".repeat(width + 2)),
                    _ => format!("|{}:", "-".repeat(width + 1)),
                };
                text += &widths.iter().enumerate().map(rule).collect::<Vec<_>>().concat();
                text += "|\n";
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_a_figure_that_was_measured() {
        assert_eq!(median([3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]).to_bits(), 2.0_f64.to_bits());
        assert!(median([]).is_nan());
        let hundred = || (1..=100).map(f64::from);
        assert_eq!(percentile(hundred(), 99).to_bits(), 99.0_f64.to_bits());
        assert_eq!(percentile(hundred(), 100).to_bits(), 100.0_f64.to_bits());
    }

    #[test]
    fn a_table_lines_up() {
        let mut table = Table::new(&["what", "µs"]);
        table.row(vec!["nginx".to_owned(), "5.0".to_owned()]);
        assert_eq!(table.markdown(), "| what  |  µs |\n|-------|----:|\n| nginx | 5.0 |\n");
    }
}
